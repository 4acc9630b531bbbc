"""Sends the batch on stdin with the generated client: batch.py <url> <directory of the package>."""

import json
import sys

sys.path.insert(0, sys.argv[2])

from jindou import Client
from jindou.api.messages import post_message_send, post_message_sendbatch
from jindou.models import BatchItem, Error, FlagType0, SendAnswer, SendMessage, SendResult

client = Client(base_url=sys.argv[1])
batch = json.load(sys.stdin)

items = [BatchItem.from_dict(item) for item in batch]
assert [item.to_dict() for item in items] == batch, items
results = post_message_sendbatch.sync(client=client, body=items)
assert all(isinstance(result, SendResult) for result in results), results

# The same by the names of the types, in a form with null and a payload that is an object.
message = SendMessage.from_dict({"payload": {"type": 1, "content": "Hello"}, "expire": None})
message.from_uid, message.channel_id, message.channel_type = "system", "group123", 2
message.red_dot = FlagType0.VALUE_1
sent = post_message_send.sync(client=client, body=message)
assert isinstance(sent, SendAnswer) and sent.message_seq > 0, sent

# What is refused is told in the type of errors.
refused = post_message_sendbatch.sync(client=client, body=[BatchItem(
    from_uid="a@b", channel_id="group123", channel_type=2, payload="aGk=")])
assert isinstance(refused, Error) and refused.code == "invalid", refused

print(json.dumps([result.to_dict() for result in results]))
