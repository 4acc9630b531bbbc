"""A bare Debian in a directory, and a systemd of its own that runs in it.

The directory is made by debootstrap from the mirror that this machine's apt uses. What runs in it
has its own processes, mounts, network (loopback alone) and control groups; it ends with the object,
and nothing of it is left but the directory, which is removed.
"""

import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time

# Mounts what a container has, then becomes its first process.
BOOT = r"""
set -e
mount --make-rprivate /
mount --bind "$1" "$1"
cd "$1"
mount -t proc proc proc
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs tmpfs tmp
mount -t tmpfs -o mode=755 tmpfs dev
for device in null zero full random urandom tty; do
  touch dev/$device
  mount --bind /dev/$device dev/$device
done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
mount -t tmpfs tmpfs dev/shm
touch dev/console
# Not chroot: in one nobody gets a namespace of users, which the unit asks for.
pivot_root . .
umount -l .
export container=other
exec /lib/systemd/systemd --log-target=journal
"""


def run(*command, timeout=600, check=True, **options):
    """Its output; with check a failure is an error that shows it."""
    done = subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=timeout, check=False, **options)
    if check and done.returncode != 0:
        raise AssertionError("%s: status %d\n%s" % (" ".join(map(str, command)), done.returncode,
                                                    done.stdout[-4000:]))
    return done.stdout


def wait_until(condition, timeout=60.0, what="condition"):
    deadline = time.monotonic() + timeout
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise AssertionError("timed out waiting for " + what)
        time.sleep(0.1)
    return value


def mirrors():
    """(site, release, component) of what this machine's apt reads of its own release of Debian."""
    codename = run("sh", "-c", '. /etc/os-release; echo "$VERSION_CODENAME"').strip()
    listed = run("apt-get", "indextargets", "--format", "$(ORIGIN) $(SITE) $(RELEASE) $(COMPONENT)",
                 "Created-By: Packages")
    found = {tuple(line.split()[1:]) for line in listed.splitlines()
             if line.startswith("Debian ") and line.split()[2].startswith(codename)}
    if not found:
        raise AssertionError("apt knows no mirror of Debian: run apt-get update")
    return codename, sorted(found)


class Machine:
    def __init__(self):
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="jindou-package-"))
        self.root.chmod(0o755)  # it is "/" for every user there
        self._process = None
        self._first = None  # the process that is number 1 in there
        codename, sources = mirrors()
        site = next(site for site, release, _ in sources if release == codename)
        run("debootstrap", "--variant=minbase", codename, self.root, site)
        lines = ["deb %s %s %s" % source for source in sources]
        (self.root / "etc/apt/sources.list").write_text("\n".join(lines) + "\n")
        (self.root / "usr/sbin/policy-rc.d").unlink(missing_ok=True)
        self.inside("apt-get", "-q", "update")

    def install(self, *packages):
        self.inside("apt-get", "-q", "install", "-y", "--no-install-recommends", *packages)

    def inside(self, *command, **options):
        """Runs a command there: beside systemd when that is booted."""
        environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8",
                       "DEBIAN_FRONTEND": "noninteractive"}
        if self._first is None:
            enter = ["chroot", self.root]
        else:
            enter = ["nsenter", "-t", self._first, "-m", "-p", "-n", "-u", "-i", "-C",
                     "-r", "-w"]
        return run(*enter, *command, env={**os.environ, **environment}, **options)

    def curl(self, *arguments):
        """This machine's curl, in the network of that one."""
        return run("nsenter", "-t", self._first, "-n", "curl", "-sS", "--fail-with-body", "-m",
                   "10", *arguments)

    def listen(self, port):
        """Has that port of the loopback address until the process that is returned is ended."""
        process = subprocess.Popen(
            ["nsenter", "-t", str(self._first), "-n", "python3", "-c",
             "import socket, sys, time\n"
             "held = socket.create_server(('127.0.0.1', %d))\n"
             "print('held', flush=True)\n"
             "time.sleep(600)" % port], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        if process.stdout.readline() != "held\n":
            raise AssertionError("port %d is not free" % port)
        return process

    def boot(self):
        self._process = subprocess.Popen(
            ["unshare", "--mount", "--pid", "--net", "--uts", "--ipc", "--cgroup", "--fork",
             "--kill-child", "sh", "-c", BOOT, "boot", str(self.root)],
            stdin=subprocess.DEVNULL)
        children = pathlib.Path("/proc/%d/task/%d/children" % ((self._process.pid,) * 2))
        self._first = int(wait_until(lambda: children.read_text().split(), what="the first process")
                          [0])
        wait_until(lambda: self.inside("systemctl", "is-system-running", check=False).strip()
                   in ("running", "degraded"), what="systemd")

    def halt(self):
        if self._first is not None:
            os.kill(self._first, signal.SIGKILL)
            self._process.wait(30)
            self._first = None

    def destroy(self):
        self.halt()
        shutil.rmtree(self.root)
