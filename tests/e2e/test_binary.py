"""The program file itself: what makes a memory error harder to use for an attacker."""

import pathlib
import struct
import unittest

from harness import binary, build_setting

# elf(5).
ET_DYN = 3
PT_LOAD, PT_DYNAMIC, PT_GNU_STACK, PT_GNU_RELRO = 1, 2, 0x6474E551, 0x6474E552
PF_X = 1
DT_STRTAB, DT_STRSZ, DT_FLAGS, DT_FLAGS_1 = 5, 10, 30, 0x6FFFFFFB
DF_BIND_NOW, DF_1_NOW, DF_1_PIE = 8, 1, 0x08000000


class Elf:
    """What the tests ask of a 64-bit little-endian program."""

    def __init__(self, path):
        data = pathlib.Path(path).read_bytes()
        assert data[:6] == b"\x7fELF\x02\x01", path
        self.type = struct.unpack_from("<H", data, 16)[0]
        table, size, count = (struct.unpack_from("<Q", data, 32)[0],
                              *struct.unpack_from("<HH", data, 54))
        # type, flags, offset, vaddr, paddr, filesz, memsz, align
        self.segments = [struct.unpack_from("<IIQQQQQQ", data, table + i * size)
                         for i in range(count)]
        self.dynamic = {}
        _, _, offset, _, _, length, *_ = self.segment(PT_DYNAMIC)
        for tag, value in struct.iter_unpack("<qQ", data[offset:offset + length]):
            self.dynamic.setdefault(tag, value)
        names = self._offset(self.dynamic[DT_STRTAB])
        self.names = set(data[names:names + self.dynamic[DT_STRSZ]].decode().split("\0"))

    def segment(self, kind):
        return next((s for s in self.segments if s[0] == kind), None)

    def _offset(self, address):
        for kind, _, offset, start, _, length, *_ in self.segments:
            if kind == PT_LOAD and start <= address < start + length:
                return offset + address - start
        raise AssertionError("address %#x is in no segment" % address)


class Binary(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.elf = Elf(binary())

    def test_it_is_loaded_at_a_random_address(self):
        self.assertEqual(self.elf.type, ET_DYN)
        self.assertTrue(self.elf.dynamic.get(DT_FLAGS_1, 0) & DF_1_PIE)

    def test_what_it_calls_through_is_read_only(self):
        self.assertIsNotNone(self.elf.segment(PT_GNU_RELRO))
        self.assertTrue(self.elf.dynamic.get(DT_FLAGS, 0) & DF_BIND_NOW
                        or self.elf.dynamic.get(DT_FLAGS_1, 0) & DF_1_NOW)

    def test_its_stack_is_not_executable(self):
        self.assertFalse(self.elf.segment(PT_GNU_STACK)[1] & PF_X)

    def test_what_is_deployed_checks_itself(self):
        """Presets for tests have sanitizers or assertions of their own instead."""
        if build_setting("JINDOU_SANITIZE") or build_setting("CMAKE_BUILD_TYPE") == "Debug":
            self.skipTest("a build for tests")
        self.assertIn("__stack_chk_fail", self.elf.names)
        self.assertTrue([name for name in self.elf.names
                         if name.startswith("__") and name.endswith("_chk")], "no FORTIFY")
        self.assertTrue([name for name in self.elf.names if "__glibcxx_assert_fail" in name])


if __name__ == "__main__":
    unittest.main()
