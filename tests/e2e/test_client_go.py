"""The unmodified Go SDK over TCP: with the codec it was published with (protocol 2), and with the
newest one, which makes it speak protocol 5."""

import unittest

import client_packages
from client_suite import DISCONNECTED, ClientCase, ClientSuite
from driven_client import DrivenClient, Driver


class GoClient(DrivenClient):
    def __init__(self, uid, program):
        super().__init__(uid, Driver([str(program)]))
        self.wait("started")

    def connect(self, address, token="", **options):
        # Otherwise it would be back, and fall behind, before the messages it is to miss are sent.
        return super().connect(address, token, manual=True, **options)


class GoCase(ClientCase):
    device_flag = 0
    transport = "tcp"
    takes_several_frames = False
    kick_status = DISCONNECTED
    modfile = "go.mod"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.program = client_packages.go("sdk", cls.modfile)

    def new_client(self, uid):
        return GoClient(uid, self.program)

    def url(self):
        return "tcp://" + self.server.tcp

    def reconnect(self, client):
        client.command(op="connect")


class GoSdk(GoCase, ClientSuite):
    pass


class GoSdkWithTheNewestCodec(GoCase, ClientSuite):
    modfile = "v5.mod"
    version = 5


if __name__ == "__main__":
    unittest.main()
