// One user of an npm client: what its drivers in Node (driver.mjs) and in a browser
// (../chromium/page.mjs) have in common. The commands and events are those of
// tests/e2e/driven_client.py.
//
// A message is reported after the client itself has verified its msgKey and decrypted it. `parsed`
// is false when the payload is no JSON (in the seed's cURL example it is plain text): the client
// then throws instead of calling its listeners, so the user reports what the client decrypted.

// Returns the commands. `WKSDK`, `model`: the client's main module and its lib/model; `emit(event)`;
// `fetchMessages(api, query)`: the application's call of POST /channel/messagesync, which the client
// leaves to it.
export function userOf(WKSDK, model, emit, fetchMessages) {
  const { Message, MessageText } = model;
  const sdk = WKSDK.shared();

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

  // Looks at each packet before and after the client has handled it. The client does all of its
  // work before it returns the promise; awaiting first would mix packets up, because several may
  // come in one turn of the event loop.
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
      describe(packet, new TextDecoder().decode(Uint8Array.from(packet.payload)), false);
      await done.catch((error) => console.error(`not parsed: ${error.message}`));
      return;
    }
    await done;
  };

  let api = '';
  sdk.config.provider.syncMessagesCallback = async (channel, options) => {
    const messages = await fetchMessages(api, {
      login_uid: sdk.config.uid,
      channel_id: channel.channelID,
      channel_type: channel.channelType,
      start_message_seq: options.startMessageSeq,
      end_message_seq: options.endMessageSeq,
      limit: options.limit,
      pull_mode: options.pullMode,
    });
    return messages.map((stored) => {
      const message = new Message();
      message.messageID = stored.message_idstr;
      message.messageSeq = stored.message_seq;
      message.clientMsgNo = stored.client_msg_no;
      message.fromUID = stored.from_uid;
      message.channel = channel;
      message.content = new MessageText();
      message.content.decode(Uint8Array.from(atob(stored.payload), (c) => c.charCodeAt(0)));
      return message;
    });
  };

  return {
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
    async sync({ api: address, channel_id: channelId, channel_type: channelType, start }) {
      api = address;
      const found = await sdk.chatManager.syncMessages(sdk.newChannel(channelId, channelType), {
        startMessageSeq: start, endMessageSeq: 0, limit: 1000, pullMode: 1,
      });
      emit({
        event: 'synced',
        messages: found.map((message) => ({
          message_id: message.messageID,
          message_seq: message.messageSeq,
          client_msg_no: message.clientMsgNo,
          from_uid: message.fromUID,
          text: message.content.text,
        })),
      });
    },
    disconnect() {
      sdk.disconnect();
    },
  };
}
