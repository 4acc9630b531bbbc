"""The unmodified npm clients in Node: wukongimjssdk (protocol 2) and wukongimuniappsdk (protocol 1)."""

import os
import unittest

from client_suite import ClientCase, ClientSuite, SecureCase
from npm_client import NpmClient


class NpmCase(ClientCase):
    package = "wukongimjssdk"

    def new_client(self, uid):
        return NpmClient(uid, self.package)

    def synced(self, client, channel_id, channel_type, start):
        client.command(op="sync", channel_id=channel_id, channel_type=channel_type, start=start,
                       api="http://" + self.server.http)
        return client.wait("synced")["messages"]


class JavaScriptSdk(ClientSuite, NpmCase):
    pass


class UniAppSdk(ClientSuite, NpmCase):
    package = "wukongimuniappsdk"
    version = 1


class JavaScriptSdkOverTls(ClientSuite, SecureCase, NpmCase):
    def new_client(self, uid):
        trusting = {**os.environ, "NODE_EXTRA_CA_CERTS": self.certificate}
        return NpmClient(uid, self.package, env=trusting)


if __name__ == "__main__":
    unittest.main()
