// What the page knows: who is signed in, the conversations, the messages. The components draw it
// and call it; it calls the API and the link.
//
// Nothing is lost or shown twice across a lost connection: deliveries are merged into the timelines
// by id, and after every connect all conversations are synced and the timelines filled up to their
// end from the history.
import { Api, ApiError, kGroup, kPerson, kSystem, type SyncedConversation } from './api';
import { t } from './i18n';
import { forgetSession, keepSession, keptSession } from './kept_session';
import { link, type LinkState } from './link';
import { readPayload, textPayload, type Content } from './payload';
import { kSignedOut, reasonText } from './reasons';
import { Timeline, type Arrived, type Entry } from './timeline';

// A screen and what one scrolls at once; then as much as is drawn without a pause.
const kFirstPage = 50;
const kOlderPage = 200;
const kCatchUpPage = 200;
const kRetry = 3_000;
// While messages keep coming in, a sync can be outdated each time it arrives.
const kSyncRounds = 3;
const kPresenceInterval = 4_000;
// The server takes more; a page of a demo need not ask about thousands.
const kPresenceMax = 200;
const kSuccess = 1;

export interface Conversation {
  readonly key: string;
  readonly id: string;
  readonly type: number;
  unread: number;
  lastSeq: number;
  // Up to here the user has seen everything; not all of it may have reached the server.
  readTo: number;
  timestamp: number;
  touched: number; // orders those of the same second
  draft: string;
  last: { from: string; content: Content } | null;
}

export interface SignInForm {
  url: string;
  uid: string;
  token: string;
  register: boolean;
  only: boolean;
  managerToken: string;
}

export function keyOf(type: number, id: string): string {
  return `${type}:${id}`;
}

export function isUid(text: string): boolean {
  return text !== '' && text === text.trim() && !/[@#&\u0000-\u001f\u007f]/.test(text)
    && new TextEncoder().encode(text).length <= 256;
}

// The same port on every server, unless it is configured otherwise and says so.
function fallbackAddress(apiUrl: string): string {
  const url = new URL(apiUrl);
  return `${url.protocol === 'https:' ? 'wss' : 'ws'}://${url.hostname}:5200`;
}

export class Chat {
  phase: 'out' | 'signing-in' | 'in' = 'out';
  uid = '';
  api = new Api('', '');
  connection: LinkState = 'offline';
  // Of a session that has ended: what the server said, the reason code of a refusal.
  kickText = '';
  endReason = 0;
  // What is wrong now, in words; empty when nothing is.
  signInError = '';
  trouble = '';
  catchingUp = false;
  toast = '';
  active: string | null = null;
  readonly conversations = new Map<string, Conversation>();
  readonly members = new Map<string, string[]>(); // of groups that were opened
  // What the server said last about those it was asked about.
  readonly online = new Map<string, boolean>();

  private address = '';
  private hasManagerToken = false;
  private token = '';
  private readonly timelines = new Map<string, Timeline>();
  private readonly loading = new Set<string>();
  private readonly filling = new Set<string>();
  private readonly listeners = new Set<() => void>();
  private drawn = false;
  private touches = 0;
  // Grows with each sign-in: answers to requests of an earlier one are dropped.
  private session = 0;
  private catchUpAgain = false;
  private toastTimer: ReturnType<typeof setTimeout> | undefined;

  constructor() {
    setInterval(() => void this.refreshPresence(), kPresenceInterval);
    document.addEventListener('visibilitychange', () => this.markActiveRead());
    window.addEventListener('focus', () => this.markActiveRead());
    window.addEventListener('hashchange', () => this.followHash());
  }

  // Calls `listener` after changes, at most once a turn. Returns how to stop it.
  subscribe(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  // Signing in and out.

  async signIn(form: SignInForm): Promise<void> {
    const session = ++this.session;
    this.phase = 'signing-in';
    this.signInError = '';
    this.api = new Api(form.url, form.managerToken);
    this.hasManagerToken = form.managerToken !== '';
    this.uid = form.uid;
    this.token = form.token;
    this.changed();
    try {
      if (form.register) await this.api.registerToken(form.uid, form.token, form.only);
      this.address = await this.api.route() ?? fallbackAddress(form.url);
    } catch (error) {
      if (session === this.session) this.signInFailed(this.describe(error));
      return;
    }
    if (session !== this.session) return;
    sessionStorage.setItem('jindou.uid', form.uid);
    link.connect(this.address, form.uid, form.token, {
      state: (state, reason, text) => this.stateChanged(state, reason, text),
      message: (id, type, message) => this.received(id, type, message),
      sent: (number, id, seq, reason) => this.sent(number, id, seq, reason),
    });
  }

  // Goes on with the session that this tab had before a reload, unless the API wants its manager token.
  resume(): void {
    const kept = keptSession();
    if (kept === null || kept.wantsManagerToken) return;
    const { url, uid, token } = kept;
    void this.signIn({ url, uid, token, register: false, only: false, managerToken: '' });
  }

  signOut(): void {
    ++this.session;
    forgetSession();
    link.disconnect();
    this.phase = 'out';
    this.connection = 'offline';
    this.trouble = '';
    this.catchingUp = false;
    this.online.clear();
    this.active = null;
    this.api = new Api(this.api.url, '');
    this.conversations.clear();
    this.timelines.clear();
    this.members.clear();
    this.loading.clear();
    this.filling.clear();
    if (location.hash) history.replaceState(null, '', location.pathname + location.search);
    this.changed();
  }

  private signInFailed(why: string): void {
    ++this.session;
    link.disconnect();
    this.phase = 'out';
    this.signInError = why;
    this.changed();
  }

  private stateChanged(state: LinkState, reason: number, text: string): void {
    this.connection = state;
    if (this.phase === 'signing-in') {
      if (state === 'connected') {
        this.phase = 'in';
        this.signInError = '';
        keepSession({ url: this.api.url, uid: this.uid, token: this.token,
                      wantsManagerToken: this.hasManagerToken });
        this.followHash();
      } else if (state === 'refused') {
        forgetSession();
        this.signInFailed(reason === 2
          ? t('The token is missing or wrong. Under “More options” you can register one.')
          : t('The server refused the sign-in: {why}.', { why: reasonText(reason) }));
        return;
      } else if (state === 'offline') {
        this.signInError =
          t('The server cannot be reached at {address}. Trying again…', { address: this.address });
      }
    }
    if (state === 'connected') void this.catchUp();
    else this.online.clear();
    if (state === 'kicked') this.kickText = text;
    if (state === 'refused') this.endReason = reason;
    if (state === 'kicked' || state === 'refused') {
      forgetSession(); // a reload would send the other one away
      for (const timeline of this.timelines.values()) {
        for (const entry of timeline.entries) {
          if (entry.status === 'sending') timeline.fail(entry.clientMsgNo, kSignedOut);
        }
      }
    }
    this.changed();
  }

  // Conversations.

  sorted(): Conversation[] {
    return [...this.conversations.values()].sort(
      (a, b) => b.timestamp - a.timestamp || b.touched - a.touched);
  }

  conversation(key: string | null): Conversation | null {
    return key === null ? null : this.conversations.get(key) ?? null;
  }

  groups(): string[] {
    return this.sorted().filter((one) => one.type === kGroup).map((one) => one.id);
  }

  // Shows a conversation, which need not exist yet.
  open(type: number, id: string): void {
    location.hash = `#/${type}/${encodeURIComponent(id)}`;
    this.followHash();
  }

  close(): void {
    location.hash = '';
  }

  private followHash(): void {
    if (this.phase !== 'in') return;
    const match = /^#\/(\d{1,3})\/(.+)$/.exec(location.hash);
    let id = '';
    try {
      id = match ? decodeURIComponent(match[2]) : '';
    } catch {
      id = '';
    }
    if (!match || id === '') {
      this.active = null;
    } else {
      const conversation = this.ensure(Number(match[1]), id);
      this.active = conversation.key;
      void this.loadFirst(conversation);
      void this.refreshPresence();
      this.markActiveRead();
    }
    this.changed();
  }

  private ensure(type: number, id: string): Conversation {
    const key = keyOf(type, id);
    let conversation = this.conversations.get(key);
    if (!conversation) {
      conversation = {
        key, id, type, unread: 0, lastSeq: 0, readTo: 0,
        timestamp: Math.floor(Date.now() / 1000), touched: ++this.touches, draft: '',
        last: null,
      };
      this.conversations.set(key, conversation);
    }
    return conversation;
  }

  async join(group: string, uids: string[]): Promise<void> {
    await this.api.addSubscribers(group, uids);
    this.members.delete(group);
    void this.refreshPresence();
  }

  async leave(group: string): Promise<void> {
    await this.api.removeSubscriber(group, this.uid);
    const key = keyOf(kGroup, group);
    this.conversations.delete(key);
    this.timelines.delete(key);
    this.members.delete(group);
    if (this.active === key) this.close();
    this.say(t('You left {group}.', { group }));
  }

  private async refreshPresence(): Promise<void> {
    if (this.phase !== 'in' || document.visibilityState !== 'visible') return;
    const session = this.session;
    const active = this.conversation(this.active);
    const group = active?.type === kGroup ? active.id : '';
    try {
      if (group) {
        const members = await this.api.members(group);
        if (session !== this.session) return;
        this.members.set(group, members);
      }
      const uids = new Set(group ? this.members.get(group) : []);
      for (const one of this.conversations.values()) if (one.type === kPerson) uids.add(one.id);
      uids.delete(kSystem);
      const asked = [...uids].slice(0, kPresenceMax);
      const online = await this.api.online(asked);
      if (session !== this.session) return;
      this.online.clear();
      for (const uid of asked) this.online.set(uid, online.has(uid));
    } catch {
      if (session !== this.session) return;
      this.online.clear(); // what was known is old by now
    }
    this.changed();
  }

  // Messages.

  timeline(key: string): Timeline {
    let timeline = this.timelines.get(key);
    if (!timeline) {
      timeline = new Timeline(this.uid);
      this.timelines.set(key, timeline);
    }
    return timeline;
  }

  isLoading(key: string): boolean {
    return this.loading.has(key);
  }

  send(conversation: Conversation, text: string): void {
    const content = readPayload(textPayload(text));
    const number = link.send(conversation.id, conversation.type, text);
    this.timeline(conversation.key).addSending(number, content);
    this.touch(conversation, { from: this.uid, content }, Math.floor(Date.now() / 1000));
    this.changed();
  }

  sendAgain(conversation: Conversation, entry: Entry): void {
    this.timeline(conversation.key).remove(entry);
    this.send(conversation, entry.content.text);
  }

  async loadOlder(conversation: Conversation): Promise<void> {
    const timeline = this.timeline(conversation.key);
    if (!timeline.loaded || timeline.complete) return;
    await this.loadPage(conversation, timeline.low - 1, kOlderPage);
  }

  private async loadFirst(conversation: Conversation): Promise<void> {
    if (!this.timeline(conversation.key).loaded) await this.loadPage(conversation, 0, kFirstPage);
  }

  // `start` 0: the newest.
  private async loadPage(conversation: Conversation, start: number, limit: number): Promise<void> {
    const { key } = conversation;
    if (this.loading.has(key)) return;
    const session = this.session;
    const timeline = this.timeline(key);
    this.loading.add(key);
    this.changed();
    try {
      const page = await this.api.history(this.uid, conversation.id, conversation.type, start,
                                          false, limit);
      if (session !== this.session) return;
      for (const message of page.messages) timeline.add(message);
      const first = page.messages[0]?.seq ?? 1;
      timeline.loaded = true;
      timeline.cover(first, page.messages[page.messages.length - 1]?.seq ?? 0);
      timeline.complete = !page.more || first <= 1;
    } catch (error) {
      if (session === this.session) this.say(this.describe(error));
    } finally {
      if (session === this.session) this.loading.delete(key);
    }
    if (timeline.gap) void this.fill(conversation);
    this.changed();
  }

  // Fetches everything behind what the timeline has without a hole. Throws ApiError.
  private async fillFrom(conversation: Conversation): Promise<void> {
    const session = this.session;
    const timeline = this.timeline(conversation.key);
    for (;;) {
      const page = await this.api.history(this.uid, conversation.id, conversation.type,
                                          timeline.high + 1, true, kCatchUpPage);
      if (session !== this.session) return;
      for (const message of page.messages) timeline.add(message);
      const last = page.messages[page.messages.length - 1];
      if (last) timeline.cover(page.messages[0].seq, last.seq);
      if (!page.more || !last) return;
    }
  }

  // The same for a hole that a delivery showed; one at a time for each conversation.
  private async fill(conversation: Conversation): Promise<void> {
    if (this.filling.has(conversation.key)) return;
    this.filling.add(conversation.key);
    try {
      await this.fillFrom(conversation);
    } catch {
      void this.catchUp(); // says what is wrong, and tries again
    } finally {
      this.filling.delete(conversation.key);
    }
    this.changed();
  }

  private async catchUp(): Promise<void> {
    if (this.catchingUp) {
      this.catchUpAgain = true;
      return;
    }
    const session = this.session;
    this.catchingUp = true;
    this.changed();
    try {
      for (let round = 0; round < kSyncRounds; ++round) {
        this.catchUpAgain = false;
        await this.syncConversations();
        if (session !== this.session) return;
        for (const [key, timeline] of this.timelines) {
          const conversation = this.conversations.get(key);
          if (conversation && timeline.loaded) await this.fillFrom(conversation);
          if (session !== this.session) return;
        }
        if (!this.catchUpAgain) break;
      }
      this.trouble = '';
    } catch (error) {
      if (session !== this.session) return;
      this.trouble = this.describe(error);
      setTimeout(() => {
        if (session === this.session && this.connection === 'connected') void this.catchUp();
      }, kRetry);
    } finally {
      if (session === this.session) this.catchingUp = false;
    }
    this.markActiveRead();
    this.changed();
  }

  private async syncConversations(): Promise<void> {
    const session = this.session;
    const [rows, ofSystem] = await Promise.all([this.api.conversations(this.uid), this.ofSystem()]);
    if (session !== this.session) return;
    if (ofSystem !== null) rows.push(ofSystem);
    for (const row of rows.reverse()) {
      const conversation = this.ensure(row.type, row.id);
      if (row.lastSeq < conversation.lastSeq) {
        // What was delivered while the answer was on its way is newer than the answer: what it says
        // is too little, what was counted here perhaps too.
        this.catchUpAgain = true;
        continue;
      }
      conversation.lastSeq = row.lastSeq;
      conversation.unread = row.lastSeq <= conversation.readTo ? 0 : row.unread;
      if (row.last) this.touch(conversation, row.last, row.timestamp);
      else conversation.timestamp = row.timestamp;
    }
    this.changed();
    void this.refreshPresence();
  }

  // The list that the server keeps leaves out what the system account writes to one person. Without
  // a list there is no count either: unread is what came since the page knows the conversation.
  private async ofSystem(): Promise<SyncedConversation | null> {
    const { messages } = await this.api.history(this.uid, kSystem, kPerson, 0, false, 1);
    const last = messages[0];
    if (last === undefined) return null;
    const known = this.conversations.get(keyOf(kPerson, kSystem));
    return { id: kSystem, type: kPerson, timestamp: last.timestamp, lastSeq: last.seq, last,
             unread: known ? known.unread + Math.max(0, last.seq - known.lastSeq) : 0 };
  }

  private touch(conversation: Conversation, last: { from: string; content: Content },
                timestamp: number): void {
    conversation.last = { from: last.from, content: last.content };
    conversation.timestamp = timestamp;
    conversation.touched = ++this.touches;
  }

  private received(id: string, type: number, message: Arrived): void {
    const known = this.conversations.has(keyOf(type, id));
    const conversation = this.ensure(type, id);
    if (!known) void this.refreshPresence();
    const timeline = this.timelines.get(conversation.key);
    const fresh = timeline ? timeline.add(message) : true;
    const newer = message.seq > conversation.lastSeq || (message.seq === 0 && fresh);
    if (newer) {
      conversation.lastSeq = Math.max(conversation.lastSeq, message.seq);
      this.touch(conversation, message, message.timestamp);
      if (message.seq > 0) {
        if (message.from === this.uid) conversation.unread = 0;
        else ++conversation.unread;
      }
    }
    if (timeline?.gap) void this.fill(conversation);
    if (conversation.key === this.active) this.markActiveRead();
    this.changed();
  }

  private sent(number: string, id: string, seq: number, reason: number): void {
    for (const [key, timeline] of this.timelines) {
      if (!timeline.entries.some((entry) => entry.clientMsgNo === number)) continue;
      if (reason === kSuccess) {
        timeline.acknowledge(number, id, seq);
        const conversation = this.conversations.get(key);
        if (conversation && seq > conversation.lastSeq) {
          conversation.lastSeq = seq;
          conversation.unread = 0; // who writes has read
        }
        if (conversation && timeline.gap) void this.fill(conversation);
      } else {
        timeline.fail(number, reason);
      }
    }
    this.changed();
  }

  private markActiveRead(): void {
    const conversation = this.conversation(this.active);
    if (this.phase !== 'in' || !conversation || document.visibilityState !== 'visible') return;
    if (conversation.unread === 0 && conversation.readTo >= conversation.lastSeq) return;
    const wasUnread = conversation.unread > 0;
    conversation.unread = 0;
    conversation.readTo = conversation.lastSeq;
    this.changed();
    if (!wasUnread) return;
    // Not repeated on failure: the next sync tells the count again.
    this.api.clearUnread(this.uid, conversation.id, conversation.type, conversation.readTo)
      .catch(() => { conversation.readTo = 0; });
  }

  // Telling.

  // A line that goes away by itself.
  say(text: string): void {
    this.toast = text;
    clearTimeout(this.toastTimer);
    this.toastTimer = setTimeout(() => {
      this.toast = '';
      this.changed();
    }, 6_000);
    this.changed();
  }

  describe(error: unknown): string {
    if (!(error instanceof ApiError)) return String(error);
    if (error.status === 0) {
      return t('The API at {url} cannot be reached. Is the server running, and is the address right?',
               { url: this.api.url });
    }
    if (error.status === 401) {
      return this.hasManagerToken
        ? t('The API does not accept this manager token.')
        : t('The API wants its manager token. Enter it under “More options” when you sign in.');
    }
    return error.reason > 1 ? `${error.message} (${reasonText(error.reason)})` : error.message;
  }

  private changed(): void {
    if (this.drawn) return;
    this.drawn = true;
    queueMicrotask(() => {
      this.drawn = false;
      for (const listener of this.listeners) listener();
    });
  }
}

export const chat = new Chat();
