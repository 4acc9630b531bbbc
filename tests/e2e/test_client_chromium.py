"""The unmodified npm client wukongimjssdk on pages of Chromium."""

import itertools
import shutil
import unittest

import client_packages
from client_suite import ClientCase, ClientSuite, SecureCase
from driven_client import DrivenClient, Driver
from harness import not_for_sanitizers


class Page(DrivenClient):
    """One user on a page of its own; the browser is shared."""

    numbers = itertools.count()

    def __init__(self, uid, browser):
        super().__init__(uid, browser, client="page%d" % next(self.numbers))
        self.command(op="open")
        self.wait("started", timeout=60)

    def close(self):
        self.command(op="close")


class ChromiumCase(ClientCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        node = shutil.which("node") or shutil.which("nodejs")
        chromium = shutil.which("chromium")
        if node is None or chromium is None:
            raise RuntimeError("Node and Chromium have to be installed")
        client_packages.npm("chromium")
        cls.browser = Driver([node, str(client_packages.CLIENTS / "chromium" / "driver.mjs"),
                              chromium])
        cls.addClassCleanup(cls.browser.close)
        DrivenClient("browser", cls.browser).wait("started", timeout=60)

    def new_client(self, uid):
        return Page(uid, self.browser)

    def synced(self, client, channel_id, channel_type, start):
        client.command(op="sync", channel_id=channel_id, channel_type=channel_type, start=start,
                       api="http://" + self.server.http)
        return client.wait("synced")["messages"]


@not_for_sanitizers
class JavaScriptSdkInChromium(ClientSuite, ChromiumCase):
    pass


@not_for_sanitizers
class JavaScriptSdkInChromiumOverTls(SecureCase, ChromiumCase):
    """The pages take any certificate."""

    test_batch = ClientSuite.test_a_batch_arrives_in_order_from_group_and_person
    test_kill = ClientSuite.test_comes_back_after_a_kill_without_loss_or_duplicate


if __name__ == "__main__":
    unittest.main()
