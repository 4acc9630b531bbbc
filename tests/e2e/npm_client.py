"""Runs an unmodified npm client (tests/clients/npm) in a Node process and talks to its driver."""

import shutil

import client_packages
from driven_client import DrivenClient, Driver


class NpmClient(DrivenClient):
    """One user of `package` over WebSocket."""

    def __init__(self, uid, package="wukongimjssdk", env=None):
        node = shutil.which("node") or shutil.which("nodejs")
        if node is None:
            raise RuntimeError("Node is not installed")
        driver = client_packages.npm("npm") / "driver.mjs"
        super().__init__(uid, Driver([node, "--no-warnings", str(driver), package], env=env))
        self.wait("started", timeout=30)

    def connect(self, address, token="", **options):
        """`address`: host:port, or a URL."""
        url = address if "://" in address else "ws://" + address
        return super().connect(url, token, **options)
