"""Our frame codec against the published Go codec, byte for byte and in both directions.

Each side encodes random frames of every type and version, with empty strings, strings of the
greatest length, UTF-8 and numbers at the ends of their ranges; the other side decodes them to the
same fields and encodes these to the same bytes.
"""

import json
import os
import random
import subprocess
import unittest

import client_packages
from harness import QUICK, binary
from wkproto import CONNECT, EVENT, RECV, SEND

FRAMES = 600 if QUICK else 6000
TOPIC, STREAM = 0x08, 0x02


def mirror():
    """The pipe around our codec, built beside the server."""
    path = os.path.join(os.path.dirname(binary()), "frame_mirror")
    if not os.access(path, os.X_OK):
        raise RuntimeError("no %s: build the target frame_mirror" % path)
    return path


def lines(command, frames=()):
    """Runs a pipe; gives it "<version> <hex>" lines and returns the decoded JSON lines."""
    text = "".join("%d %s\n" % (frame["version"], frame["hex"]) for frame in frames)
    done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=300,
                          check=False)
    if done.returncode != 0:
        raise RuntimeError("%r failed: %s" % (command, done.stderr[-4000:]))
    # Not splitlines(): strings of frames may hold other separators.
    return [json.loads(line) for line in done.stdout.split("\n") if line]


def recv_setting(setting, version):
    """What our encoder leaves of the setting of a RECV (docs/wkproto.md)."""
    return setting & (0xAA if version >= 5 else 0xA8)


class Codecs(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.go = str(client_packages.go("codec"))
        cls.ours = mirror()
        cls.seed = int(os.environ.get("JINDOU_SEED") or random.randrange(1 << 31))
        print("seed of the frames: %d (JINDOU_SEED)" % cls.seed)

    def assert_every_kind(self, frames):
        self.assertEqual(len(frames), FRAMES)
        kinds = {(frame["type"], frame["version"]) for frame in frames}
        self.assertEqual(kinds, {(t, v) for t in range(CONNECT, EVENT + 1) for v in range(1, 6)})

    def test_frames_of_the_go_codec_are_ours(self):
        theirs = lines([self.go, "generate", str(self.seed), str(FRAMES)])
        self.assert_every_kind(theirs)
        decoded = lines([self.ours, "decode"], theirs)
        self.assertEqual(len(decoded), len(theirs))
        masked = []
        for i, (their, our) in enumerate(zip(theirs, decoded)):
            with self.subTest(seed=self.seed, frame=i, type=their["type"]):
                self.assertEqual(our["state"], "frame", (our, their["hex"][:200]))
                self.assertEqual((our["type"], our["fields"], our["consumed"]),
                                 (their["type"], their["fields"], their["consumed"]))
                if their["type"] == RECV:
                    setting = their["fields"]["setting"]
                    wanted = recv_setting(setting, their["version"])
                    if wanted != setting:
                        # We encode no RECV with such bits: the rest of it has to be the same.
                        masked.append(({**their["fields"], "setting": wanted},
                                       {"version": their["version"], "hex": our["hex"]}))
                        continue
                self.assertEqual(our["hex"], their["hex"])
        back = lines([self.go, "decode"], [frame for _, frame in masked])
        self.assertEqual([frame["fields"] for frame in back], [fields for fields, _ in masked])

    def test_our_frames_are_those_of_the_go_codec(self):
        ours = lines([self.ours, "generate", str(self.seed), str(FRAMES)])
        self.assert_every_kind(ours)
        decoded = lines([self.go, "decode"], ours)
        self.assertEqual(len(decoded), len(ours))
        for i, (our, their) in enumerate(zip(ours, decoded)):
            with self.subTest(seed=self.seed, frame=i, type=our["type"]):
                self.assertNotIn("error", their, our["hex"][:200])
                self.assertEqual((their["type"], their["fields"]), (our["type"], our["fields"]))
                if (our["type"] == SEND and our["version"] == 5
                        and our["fields"]["setting"] & STREAM):
                    continue  # the length that the Go encoder writes is wrong, see below
                self.assertEqual(their["hex"], our["hex"])

    def test_a_stream_send_of_version_5_is_longer_than_the_go_encoder_writes_it(self):
        # Its length counts a stream number that it does not write. Nothing can be done about it but
        # to know it: the next frame's first bytes would be taken for the end of this payload.
        (broken,) = lines([self.go, "broken"])
        written = len(broken["hex"]) // 2
        (ours,) = lines([self.ours, "decode"], [broken])
        self.assertEqual(ours["state"], "need_more")
        self.assertEqual(ours["need_bytes"], written + 2 + len(broken["fields"]["stream_no"]))


if __name__ == "__main__":
    unittest.main()
