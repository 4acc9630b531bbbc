"""The unmodified wukong-easy-sdk of PyPI: JSON-RPC over WebSocket."""

import unittest

import client_packages
from client_suite import ClientCase, ClientSuite, SecureCase
from driven_client import DrivenClient, Driver


class EasyClient(DrivenClient):
    def __init__(self, uid, ca_file=None):
        self.ca_file = ca_file
        python = client_packages.python("easysdk-python")
        driver = client_packages.CLIENTS / "easysdk-python" / "driver.py"
        super().__init__(uid, Driver([str(python), str(driver)]))
        self.wait("started")

    def command(self, **command):
        if command["op"] == "connect" and self.ca_file is not None:
            command["ca_file"] = self.ca_file
        super().command(**command)


class EasyCase(ClientCase):
    device_flag = 2
    version = 5

    def new_client(self, uid):
        return EasyClient(uid)


class EasySdk(ClientSuite, EasyCase):
    pass


class EasySdkOverTls(ClientSuite, SecureCase, EasyCase):
    def new_client(self, uid):
        return EasyClient(uid, ca_file=self.certificate)


if __name__ == "__main__":
    unittest.main()
