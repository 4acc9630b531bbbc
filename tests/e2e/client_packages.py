"""Installs the real client libraries below tests/clients, each in its own ignored directory.

Once made, a directory is used as it is until the file that pins its packages, or the driver, changes;
then nothing here needs the network. Several test processes may come at once.
"""

import contextlib
import fcntl
import os
import pathlib
import re
import shutil
import subprocess
import sys
import venv

CLIENTS = pathlib.Path(__file__).resolve().parents[1] / "clients"
GSON = "com.google.code.gson:gson:2.11.0"


def _run(command, cwd, **env):
    done = subprocess.run(command, cwd=cwd, env={**os.environ, **env}, capture_output=True,
                          text=True, timeout=600, check=False)
    if done.returncode != 0:
        raise RuntimeError("%s failed:\n%s%s" % (" ".join(map(str, command)), done.stdout,
                                                 done.stderr))


@contextlib.contextmanager
def _outdated(marker, sources, lock=None):
    """Yields whether `marker` is older than a source; makes it new when the block succeeds.

    `lock`: the file that other processes wait for, the first source unless given."""
    with open(lock or sources[0], "ab") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        newest = max(source.stat().st_mtime for source in sources)
        outdated = not marker.exists() or marker.stat().st_mtime < newest
        yield outdated
        if outdated:
            marker.touch()


def npm(name) -> pathlib.Path:
    """npm ci in tests/clients/<name>; returns that directory."""
    directory = CLIENTS / name
    marker = directory / "node_modules" / ".package-lock.json"
    with _outdated(marker, [directory / "package-lock.json"]) as outdated:
        if outdated:
            _run(["npm", "ci"], directory)
    return directory


def python(name) -> pathlib.Path:
    """A virtual environment with tests/clients/<name>/requirements.txt; returns its interpreter."""
    where = CLIENTS / name / ".venv"
    requirements = CLIENTS / name / "requirements.txt"
    with _outdated(where / "installed", [requirements]) as outdated:
        if outdated:
            venv.create(where, clear=True, with_pip=True)
            _run([where / "bin" / "python", "-m", "pip", "install", "--quiet",
                  "--disable-pip-version-check", "-r", requirements], where)
    return where / "bin" / "python"


def go(module, modfile="go.mod") -> pathlib.Path:
    """Builds tests/clients/go/<module> with the versions pinned in `modfile`; returns the program."""
    directory = CLIENTS / "go" / module
    build = CLIENTS / "go" / ".build"
    build.mkdir(exist_ok=True)
    program = build / (module if modfile == "go.mod" else "%s-%s" % (module, modfile[: -len(".mod")]))
    # A lock of its own: go itself locks the modfile.
    with _outdated(program, [directory / modfile, *sorted(directory.glob("*.go"))],
                   lock=program.with_suffix(".lock")) as outdated:
        if outdated:
            _run(["go", "build", "-mod=readonly", "-buildvcs=false", "-modfile=" + modfile, "-o",
                  program, "."], directory, GOTOOLCHAIN="local")
    return program


def go_is(module) -> bool:
    """Whether the Go that is there is as new as the module in tests/clients/<module> asks for."""
    wanted = re.search(r"(?m)^go ([\d.]+)$", (CLIENTS / module / "go.mod").read_text())[1]
    if shutil.which("go") is None:
        return False
    told = subprocess.run(["go", "env", "GOVERSION"], capture_output=True, text=True, check=True,
                          env={**os.environ, "GOTOOLCHAIN": "local"}).stdout
    there = re.match(r"go([\d.]+)", told)
    return there is not None and _numbers(there[1]) >= _numbers(wanted)


def _numbers(version):
    return [int(part) for part in version.split(".")]


def go_generator() -> pathlib.Path:
    """Builds the generator that tests/clients/generators/go names as its tool; returns the program."""
    directory = CLIENTS / "generators" / "go"
    program = directory / ".build" / "oapi-codegen"
    program.parent.mkdir(exist_ok=True)
    with _outdated(program, [directory / "go.mod"], lock=program.with_suffix(".lock")) as outdated:
        if outdated:
            _run(["go", "build", "-mod=readonly", "-o", program,
                  "github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen"], directory,
                 GOTOOLCHAIN="local")
    return program


def gson() -> pathlib.Path:
    """The one library of the Java quick start, from Maven's registry; returns the archive."""
    where = CLIENTS / "java"
    jar = where / "gson-{}.jar".format(GSON.rsplit(":", maxsplit=1)[1])
    with _outdated(jar, [where / ".gitignore"]) as outdated:
        if outdated:
            _run(["mvn", "-q", "dependency:copy", "-Dartifact=" + GSON, "-DoutputDirectory=."], where)
    return jar


def install_all():
    """Everything the end-to-end tests ask for, so that no test waits for a registry."""
    for lock in sorted(CLIENTS.glob("*/package-lock.json")):
        npm(lock.parent.name)
    for requirements in sorted(CLIENTS.glob("*/requirements.txt")):
        if requirements.parent.name != "openapi":  # openapi_tools installs it only if it must
            python(requirements.parent.name)
    for modfile in sorted(CLIENTS.glob("go/*/*.mod")):
        go(modfile.parent.name, modfile.name)
    if go_is("generators/go"):
        go_generator()
    if shutil.which("mvn") and shutil.which("javac"):  # tests that need them are skipped without
        gson()


if __name__ == "__main__":
    try:
        install_all()
    except (OSError, RuntimeError, subprocess.TimeoutExpired) as error:
        sys.exit(str(error))
