"""A control group (version 2 or 1) of its own for a server: a limit of memory, a quota of processors.

Which of the two versions has a controller is asked for each controller. Groups are made below the
group of this process or one above it, wherever children may have the controller and this process may
make them; elsewhere nothing is switched on. Where there is no such place, Unavailable says why.
"""

import errno
import itertools
import os
import pathlib
import time

MOUNT = pathlib.Path("/sys/fs/cgroup")
PERIOD_US = 100_000
_numbers = itertools.count()


class Unavailable(Exception):
    """This process may not make a control group with such a limit."""


def _own_paths():
    """The path of this process's group for each controller of version 1; "" is version 2."""
    found = {}
    for line in pathlib.Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        for controller in controllers.split(","):
            found[controller] = path
    return found


def _places(mount, path):
    """The group at `path` and those above it, as far as they are there."""
    below = pathlib.PurePosixPath(path).relative_to("/")
    return [place for place in (mount / below, *(mount / one for one in below.parents))
            if place.is_dir()]


def _parents(controller, wanted):
    """Where a group with this controller may be made, and whether that is version 2, whose groups have
    all of the controllers `wanted`."""
    own = _own_paths()
    if controller in own:
        return _places(MOUNT / controller, own[controller]), False
    if "" not in own:
        raise Unavailable("there are no control groups")
    # Only a group whose children have the controller already: to switch it on for the groups of others
    # is no test's business.
    together = set(wanted) - set(own)
    return [place for place in _places(MOUNT, own[""])
            if (place / "cgroup.subtree_control").is_file()
            and together <= set((place / "cgroup.subtree_control").read_text().split())], True


class ControlGroup:
    """`memory`: bytes that the processes in it may have together, without swap. `processors`: time of
    so many. As a context manager: made on entry, removed on exit, when the server in it has ended."""

    def __init__(self, memory=None, processors=None):
        self.memory, self.processors = memory, processors
        self._name = f"jindou-test-{os.getpid()}-{next(_numbers)}"
        self._wanted = [name for name, limit in (("memory", memory), ("cpu", processors)) if limit]
        self._made = []
        self._memory = None  # (directory, whether it is of version 2)

    def __enter__(self):
        try:
            if self.memory:
                self._limit_memory()
            if self.processors:
                self._limit_processors()
        except BaseException:
            self.remove()
            raise
        return self

    def __exit__(self, *unused):
        self.remove()

    def _make(self, controller):
        parents, second = _parents(controller, self._wanted)
        refused = f"no group's children have the controller {controller}"
        for parent in parents:
            directory = parent / self._name
            try:
                directory.mkdir(exist_ok=True)  # the same one for two controllers of version 2
            except OSError as error:
                refused = str(error)
                continue
            if directory not in self._made:
                self._made.append(directory)
            return directory, second
        raise Unavailable(f"no control group with a limit of {controller} can be made: {refused}")

    def _limit_memory(self):
        directory, second = self._memory = self._make("memory")
        self._write(directory / ("memory.max" if second else "memory.limit_in_bytes"), self.memory)
        # Swap would let the server live on over the limit. Not every kernel counts it.
        swap = directory / ("memory.swap.max" if second else "memory.memsw.limit_in_bytes")
        if swap.exists():
            self._write(swap, 0 if second else self.memory)

    def _limit_processors(self):
        directory, second = self._make("cpu")
        quota = int(self.processors * PERIOD_US)
        if second:
            self._write(directory / "cpu.max", f"{quota} {PERIOD_US}")
        else:
            self._write(directory / "cpu.cfs_period_us", PERIOD_US)
            self._write(directory / "cpu.cfs_quota_us", quota)

    @staticmethod
    def _write(file, value):
        try:
            file.write_text(f"{value}\n")
        except OSError as error:
            raise Unavailable(f"a limit of a control group cannot be set: {error}") from None

    def words(self):
        """Words before a command, which then runs in the group from its first instruction on."""
        joins = "".join(f'echo $$ > "{directory}/cgroup.procs" && ' for directory in self._made)
        return ["sh", "-c", joins + 'exec "$@"', "sh"]

    def killed(self):
        """How many processes of the group the kernel has ended for want of memory."""
        directory, second = self._memory
        text = (directory / ("memory.events" if second else "memory.oom_control")).read_text()
        return int(dict(line.split() for line in text.splitlines())["oom_kill"])

    def remove(self):
        """Waits for the last process in it: one that has been killed is still there for a moment."""
        for directory in self._made:
            for left in range(100, -1, -1):
                try:
                    directory.rmdir()
                    break
                except FileNotFoundError:
                    break
                except OSError as error:
                    if error.errno != errno.EBUSY or left == 0:
                        raise
                    time.sleep(0.05)
        self._made = []
