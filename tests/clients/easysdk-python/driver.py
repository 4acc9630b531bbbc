"""One user of the unmodified wukong-easy-sdk (JSON-RPC over WebSocket), driven by JSON lines;
tests/e2e/driven_client.py describes them.

The library reconnects by itself, but not after a first attempt that failed, and it does not repeat a
request that a lost connection left open. So this driver does what its application has to: it connects
again, and sends such a message again under the same client_msg_no. "addr" may be given with "ca_file" for wss.
"""

import asyncio
import json
import sys
import uuid

from wukong_easy_sdk import WKIM, AuthOptions, WKIMDeviceFlag, WKIMError, WKIMEvent, WKIMOptions

KICKED = 12
CONNECTED, DISCONNECTED, REFUSED, KICKED_OUT = 1, 0, 3, 4


def emit(event, **fields):
    print(json.dumps({"event": event, **fields}), flush=True)


class User:
    def __init__(self):
        self.im, self.sent, self.tasks = None, 0, set()

    def start(self, coroutine):
        task = asyncio.create_task(coroutine)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def connect(self, command):
        self.im = WKIM(
            command["addr"],
            AuthOptions(command["uid"], command["token"], device_flag=WKIMDeviceFlag.DESKTOP),
            WKIMOptions(reconnect_delay=0.5, max_reconnect_attempts=20, max_reconnect_delay=2,
                        ca_file=command.get("ca_file")))
        self.im.on(WKIMEvent.CONNECT, lambda _: emit("status", status=CONNECTED, reason=1))
        self.im.on(WKIMEvent.DISCONNECT, self.on_disconnect)
        self.im.on(WKIMEvent.MESSAGE, self.on_message)
        self.im.on(WKIMEvent.CUSTOM_EVENT, lambda event: emit("custom", **event))
        self.im.on(WKIMEvent.ERROR, lambda error: print("error:", error.code, error,
                                                        file=sys.stderr))
        while True:
            try:
                await self.im.connect()
                return
            except WKIMError as error:
                if error.code > 0:
                    emit("status", status=REFUSED, reason=error.code)
                    return
            # The library repeats no first attempt that fails.
            await asyncio.sleep(0.2)

    @staticmethod
    def on_disconnect(event):
        reason = event["reasonCode"]
        emit("status", status=KICKED_OUT if reason == KICKED else DISCONNECTED, reason=reason)

    @staticmethod
    def on_message(message):
        payload = message["payload"]
        parsed = isinstance(payload, dict)
        emit("message", from_uid=message["fromUid"], channel_id=message["channelId"],
             channel_type=message["channelType"], message_id=message["messageId"],
             message_seq=message["messageSeq"], client_msg_no=message.get("clientMsgNo", ""),
             red_dot=message["header"].get("redDot", False), parsed=parsed,
             text=payload.get("content") if parsed else str(payload))

    async def send(self, command, seq, client_msg_no):
        while True:
            try:
                ack = await self.im.send(
                    command["channel_id"], command["channel_type"],
                    {"type": 1, "content": command["text"]}, client_msg_no=client_msg_no)
                emit("sendack", client_seq=seq, message_id=ack["messageId"],
                     message_seq=ack["messageSeq"], reason=ack["reasonCode"])
                return
            except WKIMError as error:
                if error.code >= 0:  # the server's answer
                    emit("sendack", client_seq=seq, message_id="0", message_seq=0,
                         reason=error.code)
                    return
                print("again:", seq, error.code, error, file=sys.stderr)
            await asyncio.sleep(0.05)
            while not self.im.is_connected:
                await asyncio.sleep(0.05)

    def obey(self, command):
        kind = command["op"]
        if kind == "connect":
            self.start(self.connect(command))
        elif kind == "send":
            self.sent += 1
            emit("sending", client_seq=self.sent)
            self.start(self.send(command, self.sent, uuid.uuid4().hex))
        elif kind == "disconnect":
            self.start(self.im.disconnect())


async def main():
    user = User()
    reader = asyncio.StreamReader(limit=1 << 20)
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    emit("started")
    while line := await reader.readline():
        user.obey(json.loads(line))


asyncio.run(main())
