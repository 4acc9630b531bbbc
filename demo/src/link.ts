// The connection: the npm client SDK, and what a page has to do about the weak points of its
// version 1.0.4.
import WKSDK from 'wukongimjssdk';
import type { Message } from 'wukongimjssdk/lib/model';

import { kPerson, kSystem } from './api';
import { type Content, isCommand, readPayload, textPayload } from './payload';
import type { Arrived } from './timeline';

export type LinkState = 'connecting' | 'connected' | 'offline' | 'kicked' | 'refused';

export interface LinkEvents {
  // `reason` is a reason code where there is one; `text` what the server said about it.
  state(state: LinkState, reason: number, text: string): void;
  message(channelId: string, channelType: number, message: Arrived): void;
  // The answer to a send; reason 1 is success.
  sent(clientMsgNo: string, id: string, seq: number, reason: number): void;
}

// Status values of the SDK; its main module does not export them.
const kDisconnected = 0;
const kConnected = 1;
const kRefused = 3;
const kKicked = 4;

// How long a server may take to answer a PING before the connection counts as dead.
const kProbeTimeout = 4_000;
const kProbeInterval = 15_000;
// The SDK repeats unanswered sends ordered by the text of their number (1, 10, 2): with numbers of
// equal length that is the order in which they were written.
const kFirstSeq = 1_000_000;

const sdk = WKSDK.shared();
const manager = sdk.connectManager;

// One for the whole page, like the SDK.
class Link {
  private events: LinkEvents | null = null;
  private state: LinkState = 'offline';
  private since = 0; // when that state was entered
  private readonly numbers = new Map<number, string>(); // client seq: client_msg_no
  private content: Content = { text: '', kind: '', type: 0 }; // of the message being received
  private probing: ReturnType<typeof setTimeout> | undefined;

  constructor() {
    sdk.chatManager.clientSeq = kFirstSeq;
    this.acceptAnyPayload();
    manager.addConnectStatusListener((status, reason) => this.changed(status, reason ?? 0));
    sdk.chatManager.addMessageListener((message) => this.received(message));
    sdk.chatManager.addMessageStatusListener((ack) => {
      const number = this.numbers.get(ack.clientSeq);
      if (number === undefined) return;
      this.numbers.delete(ack.clientSeq);
      this.events?.sent(number, ack.messageID.toString(), ack.messageSeq, ack.reasonCode);
    });
    const onPacket = sdk.chatManager.onPacket.bind(sdk.chatManager);
    sdk.chatManager.onPacket = (packet) => {
      // The listener of the status is not told what the server said; it is called before this.
      if ('reason' in packet && this.state === 'kicked') {
        this.events?.state('kicked', 0, String(packet.reason));
      }
      return onPacket(packet);
    };
    setInterval(() => {
      // The SDK tries again only after a failure; a network that swallows everything gives none.
      if (this.isWaiting() && Date.now() - this.since > kProbeInterval) this.reconnect();
      else this.probe();
    }, kProbeInterval);
    window.addEventListener('online', () => this.wake());
    window.addEventListener('offline', () => this.probe());
    document.addEventListener('visibilitychange', () => {
      if (document.visibilityState === 'visible') this.wake();
    });
  }

  connect(address: string, uid: string, token: string, events: LinkEvents): void {
    this.events = events;
    sdk.config.addr = address;
    sdk.config.uid = uid;
    sdk.config.token = token;
    sdk.config.deviceFlag = 1;
    this.set('connecting', 0, '');
    sdk.connect();
  }

  // Ends the connection for good; what was not acknowledged is forgotten.
  disconnect(): void {
    this.events = null;
    this.quit();
    sdk.chatManager.sendingQueues.clear();
    this.numbers.clear();
    this.state = 'offline';
  }

  // Returns the client_msg_no. What cannot be sent now is sent after the next connect.
  send(channelId: string, channelType: number, text: string): string {
    const content = sdk.newMessageText(text);
    // Fails when the socket is only just opening; the SDK has kept the message by then.
    sdk.chatManager.send(content, sdk.newChannel(channelId, channelType)).catch(() => undefined);
    const seq = sdk.chatManager.clientSeq;
    const number = sdk.chatManager.sendingQueues.get(seq)?.clientMsgNo ?? '';
    this.numbers.set(seq, number);
    return number;
  }

  // Asks the server for a sign of life, and connects again when none comes. The SDK itself notices a
  // dead connection only after four minutes.
  probe(): void {
    if (this.state !== 'connected' || this.probing !== undefined) return;
    const socket = manager.ws;
    manager.pingRetryCount = 0;
    manager.sendPing();
    this.probing = setTimeout(() => {
      this.probing = undefined;
      if (this.state !== 'connected' || manager.ws !== socket || manager.pingRetryCount === 0) return;
      this.set('offline', 0, '');
      this.reconnect();
    }, kProbeTimeout);
  }

  // The machine may have slept, or changed its network.
  private wake(): void {
    if (this.isWaiting()) this.reconnect();
    else this.probe();
  }

  private isWaiting(): boolean {
    return this.state === 'offline' || this.state === 'connecting';
  }

  private reconnect(): void {
    if (this.events === null) return;
    manager.onlyDisconnect();
    manager.lockReconnect = false;
    this.set('connecting', 0, '');
    manager.onlyConnect();
  }

  private quit(): void {
    sdk.disconnect();
    // A pending reconnect leaves its lock behind, and with it no later one would ever run.
    manager.lockReconnect = false;
  }

  private changed(status: number, reason: number): void {
    if (this.events === null) return;
    if (status === kConnected) this.set('connected', reason, '');
    else if (status === kDisconnected) this.set('offline', 0, '');
    else if (status === kRefused) {
      this.quit();
      this.set('refused', reason, '');
    } else if (status === kKicked) {
      // The SDK leaves the socket and its heartbeat alone, and the heartbeat would connect again
      // after some minutes.
      this.quit();
      this.set('kicked', reason, '');
    }
  }

  private set(state: LinkState, reason: number, text: string): void {
    this.state = state;
    this.since = Date.now();
    this.events?.state(state, reason, text);
  }

  private received(message: Message): void {
    // The SDK announces one's own sends here too; they have no id yet.
    if (!message.messageID || isCommand(this.content)) return;
    const { channelID, channelType } = message.channel;
    this.events?.message(channelID === '' && channelType === kPerson ? kSystem : channelID, channelType, {
      id: message.messageID, seq: message.messageSeq, from: message.fromUID,
      clientMsgNo: message.clientMsgNo, content: this.content, timestamp: message.timestamp,
    });
  }

  // The SDK throws at a payload that is no JSON object, before it acknowledges the message; the
  // server would send it again and again. It gets an empty text instead; what is shown is read
  // here. Its listeners are called in the same turn.
  private acceptAnyPayload(): void {
    const decrypt = sdk.securityManager.decryption.bind(sdk.securityManager);
    sdk.securityManager.decryption = (cipher) => {
      try {
        const bytes = decrypt(cipher);
        this.content = readPayload(bytes);
        return this.content.type > 0 ? bytes : textPayload('');
      } catch {
        this.content = { text: '', kind: 'binary', type: 0 };
        return textPayload('');
      }
    };
  }
}

export const link = new Link();
