// The HTTP API of the server, as far as the page uses it. Calls it from another origin.
import { fromBase64, readPayload } from './payload';
import type { Arrived } from './timeline';

export const kPerson = 1;
export const kGroup = 2;
// The uid by which the API knows the system account. What it writes comes without any.
export const kSystem = '____system';

export interface BatchItem {
  client_msg_no: string;
  from_uid: string;
  channel_id: string;
  channel_type: number;
  header: { red_dot: number };
  payload: string;
}

// One element of the answer to a batch; of an item that failed, `code` and `msg` say why.
export interface BatchResult {
  message_idstr: string;
  message_seq: number;
  client_msg_no: string;
  reason: number;
  duplicate?: boolean;
  state?: 'unknown';
  code?: string;
  msg?: string;
}

// What is wrong with an item when nothing was sent because the batch is malformed.
export interface BatchProblem {
  index: number;
  field: string;
  msg: string;
}

interface WireMessage {
  message_idstr: string;
  message_seq: number;
  client_msg_no: string;
  from_uid: string;
  timestamp: number;
  payload: string;
}

export interface SyncedConversation {
  id: string;
  type: number;
  unread: number;
  timestamp: number;
  lastSeq: number;
  last: Arrived | null;
}

export interface Page {
  messages: Arrived[]; // ascending
  more: boolean;
}

export class ApiError extends Error {
  constructor(
    // 0: there was no answer.
    readonly status: number,
    readonly reason: number,
    message: string,
    readonly items: unknown = undefined,
  ) {
    super(message);
  }
}

const kTimeout = 15_000;

function arrived(message: WireMessage): Arrived {
  return {
    id: message.message_idstr,
    seq: message.message_seq,
    from: message.from_uid,
    clientMsgNo: message.client_msg_no,
    content: readPayload(fromBase64(message.payload ?? '')),
    timestamp: message.timestamp,
  };
}

// Null when the text is no http or https address.
export function normalUrl(text: string): string | null {
  try {
    const url = new URL(text.trim());
    if (url.protocol !== 'http:' && url.protocol !== 'https:') return null;
    return url.origin + url.pathname.replace(/\/+$/, '');
  } catch {
    return null;
  }
}

export class Api {
  constructor(
    readonly url: string,
    private readonly managerToken: string,
  ) {}

  // Where clients connect; null when the server does not say.
  async route(): Promise<string | null> {
    const { ws_addr, wss_addr } = await this.get<{ ws_addr?: string; wss_addr?: string }>(
      '/route', {});
    // A page that came over TLS may open no other connection.
    const address = location.protocol === 'https:' ? wss_addr || ws_addr : ws_addr || wss_addr;
    return address || null;
  }

  async registerToken(uid: string, token: string, only: boolean): Promise<void> {
    await this.post('/user/token', {
      uid, token, device_flag: 1, device_level: only ? 1 : 0,
    });
  }

  async conversations(uid: string): Promise<SyncedConversation[]> {
    interface Wire {
      channel_id: string;
      channel_type: number;
      unread: number;
      timestamp: number;
      last_msg_seq: number;
      recents: WireMessage[] | null;
    }
    const rows = await this.post<Wire[]>('/conversation/sync', { uid, version: 0, msg_count: 1 });
    return rows.map((row) => ({
      id: row.channel_id,
      type: row.channel_type,
      unread: row.unread,
      timestamp: row.timestamp,
      lastSeq: row.last_msg_seq,
      last: row.recents?.length ? arrived(row.recents[0]) : null,
    }));
  }

  // `start` 0: the newest; else downwards from it, or upwards with `newer`. It is inclusive.
  async history(uid: string, id: string, type: number, start: number, newer: boolean,
                limit: number): Promise<Page> {
    const page = await this.post<{ messages: WireMessage[] | null; more: number }>(
      '/channel/messagesync', {
        login_uid: uid, channel_id: id, channel_type: type, start_message_seq: start,
        end_message_seq: 0, limit, pull_mode: newer ? 1 : 0,
      });
    return { messages: (page.messages ?? []).map(arrived), more: page.more === 1 };
  }

  async clearUnread(uid: string, id: string, type: number, seq: number): Promise<void> {
    await this.post('/conversations/clearUnread', {
      uid, channel_id: id, channel_type: type, message_seq: seq,
    });
  }

  async online(uids: string[]): Promise<Set<string>> {
    const rows = await this.post<{ uid: string; online: number }[]>('/user/onlinestatus', uids);
    return new Set(rows.filter((row) => row.online === 1).map((row) => row.uid));
  }

  async addSubscribers(group: string, uids: string[]): Promise<void> {
    await this.post('/channel/subscriber_add', {
      channel_id: group, channel_type: kGroup, subscribers: uids,
    });
  }

  async removeSubscriber(group: string, uid: string): Promise<void> {
    await this.post('/channel/subscriber_remove', {
      channel_id: group, channel_type: kGroup, subscribers: [uid],
    });
  }

  // Who would receive a message to the group now.
  async members(group: string): Promise<string[]> {
    const tags = await this.get<{ nodes: { uids: string[] }[] }[]>(
      '/tags', { channel_id: group, channel_type: String(kGroup) });
    return tags.flatMap((tag) => tag.nodes).flatMap((node) => node.uids);
  }

  async setBan(group: string, ban: boolean): Promise<void> {
    await this.post('/channel/info', {
      channel_id: group, channel_type: kGroup, ban: ban ? 1 : 0,
    });
  }

  async sendBatch(items: BatchItem[]): Promise<BatchResult[]> {
    return this.post('/message/sendbatch', items);
  }

  private post<T>(path: string, body: unknown): Promise<T> {
    return this.call(path, { method: 'POST', body: JSON.stringify(body),
                             headers: { 'Content-Type': 'application/json' } });
  }

  private get<T>(path: string, query: Record<string, string>): Promise<T> {
    const text = new URLSearchParams(query).toString();
    return this.call(text ? `${path}?${text}` : path, {});
  }

  private async call<T>(path: string, init: RequestInit): Promise<T> {
    const headers = new Headers(init.headers);
    if (this.managerToken) headers.set('token', this.managerToken);
    let answer: Response;
    let body: unknown;
    try {
      answer = await fetch(this.url + path, {
        ...init, headers, credentials: 'omit', cache: 'no-store',
        signal: AbortSignal.timeout(kTimeout),
      });
      body = await answer.json().catch(() => null);
    } catch {
      throw new ApiError(0, 0, '');
    }
    if (answer.ok && body !== null) return body as T;
    const error = (body ?? {}) as { msg?: unknown; reason?: unknown; items?: unknown };
    throw new ApiError(
      answer.status, typeof error.reason === 'number' ? error.reason : 0,
      typeof error.msg === 'string' ? error.msg : `HTTP ${answer.status}`, error.items);
  }
}
