// The messages of one channel that the page holds, in order, each once.
//
// A message may arrive several times and in any order: as the page's own sending, by its SENDACK,
// as a delivery, from the history. It is recognised by its message id, and one's own by the
// client_msg_no, which is known before there is an id.
import type { Content } from './payload';

export type Status = 'sending' | 'sent' | 'failed';

export interface Entry {
  // Stays the same for the life of the entry.
  readonly key: string;
  id: string; // '' until the server has given one
  seq: number; // 0: not stored, or not yet
  from: string;
  clientMsgNo: string;
  content: Content;
  timestamp: number; // seconds
  status: Status;
  reason: number; // of a failure; see reasons.ts
}

export interface Arrived {
  id: string;
  seq: number;
  from: string;
  clientMsgNo: string;
  content: Content;
  timestamp: number;
}

interface Placed extends Entry {
  // Position: the seq, or just behind the seq that was the last one on arrival.
  place: number;
  arrival: number;
}

export class Timeline {
  // Everything readable from `low` to `high` is here; messages beyond `high` may be here too.
  low = 0;
  high = 0;
  loaded = false;
  // There is nothing older than `low`.
  complete = false;

  private placed: Placed[] = [];
  private readonly byId = new Map<string, Placed>();
  private readonly ownByNumber = new Map<string, Placed>();
  private readonly seqs = new Set<number>();
  private arrivals = 0;

  constructor(private readonly uid: string) {}

  get entries(): readonly Entry[] {
    return this.placed;
  }

  // A message that the user has just sent.
  addSending(clientMsgNo: string, content: Content): Entry {
    const entry: Placed = {
      key: clientMsgNo, id: '', seq: 0, from: this.uid, clientMsgNo, content,
      timestamp: Math.floor(Date.now() / 1000), status: 'sending', reason: 0,
      place: this.behindLast(), arrival: ++this.arrivals,
    };
    this.ownByNumber.set(clientMsgNo, entry);
    this.placed.push(entry);
    return entry;
  }

  // A message as the server has it. True when it was not known before.
  add(message: Arrived): boolean {
    const own = message.from === this.uid ? this.ownByNumber.get(message.clientMsgNo) : undefined;
    const known = this.byId.get(message.id) ?? own;
    if (known) {
      this.settle(known, message.id, message.seq);
      known.timestamp = message.timestamp;
      return false;
    }
    const entry: Placed = {
      ...message, key: message.id, status: 'sent', reason: 0,
      place: message.seq > 0 ? message.seq : this.behindLast(), arrival: ++this.arrivals,
    };
    this.byId.set(entry.id, entry);
    if (entry.from === this.uid) this.ownByNumber.set(entry.clientMsgNo, entry);
    this.note(entry.seq);
    this.placed.push(entry);
    this.order();
    return true;
  }

  acknowledge(clientMsgNo: string, id: string, seq: number): void {
    const entry = this.ownByNumber.get(clientMsgNo);
    if (entry) this.settle(entry, id, seq);
  }

  fail(clientMsgNo: string, reason: number): void {
    const entry = this.ownByNumber.get(clientMsgNo);
    if (!entry || entry.status !== 'sending') return;
    entry.status = 'failed';
    entry.reason = reason;
  }

  remove(entry: Entry): void {
    this.placed = this.placed.filter((other) => other !== entry);
    this.ownByNumber.delete(entry.clientMsgNo);
  }

  // Says that everything from `low` to `high` was added.
  cover(low: number, high: number): void {
    this.low = this.low === 0 ? low : Math.min(this.low, low);
    this.high = Math.max(this.high, high);
    this.extend();
  }

  // True when something between `high` and a message that is here may be missing.
  get gap(): boolean {
    const last = this.placed.reduce((most, entry) => Math.max(most, entry.seq), 0);
    return this.loaded && last > this.high;
  }

  private settle(entry: Placed, id: string, seq: number): void {
    entry.id = id;
    entry.status = 'sent';
    this.byId.set(id, entry);
    if (seq > 0 && entry.seq !== seq) {
      entry.seq = seq;
      entry.place = seq;
      this.note(seq);
      this.order();
    }
  }

  private note(seq: number): void {
    if (seq > 0) this.seqs.add(seq);
    if (this.loaded) this.extend();
  }

  private extend(): void {
    while (this.seqs.has(this.high + 1)) ++this.high;
  }

  private behindLast(): number {
    return this.placed.reduce((most, entry) => Math.max(most, entry.seq), this.high) + 0.5;
  }

  private order(): void {
    this.placed.sort((a, b) => a.place - b.place || a.arrival - b.arrival);
  }
}
