// One user of the unmodified npm client, driven by JSON lines.
//
// Commands on standard input:
//   {"op":"connect","addr":"ws://127.0.0.1:5200","uid":"alice","token":""}
//   {"op":"send","channel_id":"group123","channel_type":2,"text":"hello"}
//   {"op":"disconnect"}
// Events on standard output:
//   {"event":"status","status":1,"reason":1}     1 connected, 0 disconnected, 3 refused, 4 kicked
//   {"event":"message", from_uid, channel_id, channel_type, message_id, message_seq, client_msg_no,
//                       red_dot, text, parsed}
//   {"event":"sending","client_seq":1}
//   {"event":"sendack", client_seq, message_id, message_seq, reason}
//
// A message is reported after the client itself has verified its msgKey and decrypted it. `parsed`
// is false when the payload is no JSON (in the seed's cURL example it is plain text): the client
// then throws instead of calling its listeners, so the driver reports what the client decrypted.
import { register } from 'node:module';
import { createInterface } from 'node:readline';
import process from 'node:process';
import WebSocket from 'ws';

console.log = (...parts) => console.error(...parts);  // the client is talkative
globalThis.WebSocket = WebSocket;  // what a browser has; older versions of Node do not
register('./resolve_hooks.mjs', import.meta.url);

const { default: WKSDK } = await import('wukongimjssdk');
const sdk = WKSDK.shared();
const emit = (event) => process.stdout.write(`${JSON.stringify(event)}\n`);

const describe = (packet, text, parsed) => emit({
  event: 'message',
  from_uid: packet.fromUID,
  channel_id: packet.channelID,
  channel_type: packet.channelType,
  message_id: packet.messageID,
  message_seq: packet.messageSeq,
  client_msg_no: packet.clientMsgNo,
  red_dot: packet.reddot,
  text,
  parsed,
});

sdk.connectManager.addConnectStatusListener((status, reason) => {
  emit({ event: 'status', status, reason });
});
sdk.chatManager.addMessageStatusListener((ack) => {
  emit({
    event: 'sendack',
    client_seq: ack.clientSeq,
    message_id: ack.messageID.toString(),
    message_seq: ack.messageSeq,
    reason: ack.reasonCode,
  });
});
let delivered = null;
sdk.chatManager.addMessageListener((message) => { delivered = message; });

// Looks at each packet before and after the client has handled it. The client does all of its work
// before it returns the promise; awaiting first would mix packets up, because several may come in
// one turn of the event loop.
const onPacket = sdk.chatManager.onPacket.bind(sdk.chatManager);
sdk.chatManager.onPacket = async (packet) => {
  const cipher = packet.payload;
  delivered = null;
  const done = onPacket(packet);
  if (delivered !== null) {
    const { content } = delivered;
    describe(packet, content.text ?? JSON.stringify(content.contentObj), true);
  } else if (packet.payload !== cipher) {
    // The client replaces the payload only after the msgKey was right; then it threw.
    describe(packet, Buffer.from(packet.payload).toString('utf8'), false);
    await done.catch((error) => console.error(`not parsed: ${error.message}`));
    return;
  }
  await done;
};

const commands = {
  connect({ addr, uid, token }) {
    sdk.config.addr = addr;
    sdk.config.uid = uid;
    sdk.config.token = token ?? '';
    sdk.connect();
  },
  async send({ channel_id: channelId, channel_type: channelType, text }) {
    const content = sdk.newMessageText(text);
    try {
      await sdk.chatManager.send(content, sdk.newChannel(channelId, channelType));
    } catch (error) {
      // The socket is just connecting; the client has queued the message and sends it afterwards.
      console.error(`queued: ${error.message}`);
    }
    emit({ event: 'sending', client_seq: sdk.chatManager.clientSeq });
  },
  disconnect() {
    sdk.disconnect();
  },
};

const lines = createInterface({ input: process.stdin });
lines.on('line', (line) => {
  const command = JSON.parse(line);
  commands[command.op](command);
});
lines.on('close', () => process.exit(0));
emit({ event: 'started' });
