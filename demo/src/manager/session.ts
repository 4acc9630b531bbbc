// Who is signed in, and the calls to the manager port. What proves it is kept in sessionStorage, so
// that it survives a reload of the page and ends with its tab; it is sent to no other origin.
import { t } from './words';

export interface Grant {
  resource: string;
  actions: string[];
}

export interface Session {
  user: string;
  // The header that carries `credential`; null: the port asks for nothing (auth.on: false).
  header: 'Authorization' | 'token' | null;
  credential: string;
  // What the login may do; null: the server alone knows (a manager token, an API key).
  grants: Grant[] | null;
}

export class ServerError extends Error {
  // `status` 0: there was no answer.
  constructor(readonly status: number, message: string) {
    super(message);
  }
}

const kStored = 'jindou.manager';
const kTimeout = 20_000;

// The page is at <root>manager/ and at <root>manager/login; a proxy may have added to the root.
export const root = new URL('..', location.href.split(/[?#]/)[0]).href;

function restored(): Session | null {
  try {
    return JSON.parse(sessionStorage.getItem(kStored) ?? 'null') as Session | null;
  } catch {
    return null;
  }
}

let current = restored();
let whenEnded: (why: string) => void = () => undefined;

export function session(): Session | null {
  return current;
}

export function keep(next: Session | null): void {
  current = next;
  if (next === null) sessionStorage.removeItem(kStored);
  else sessionStorage.setItem(kStored, JSON.stringify(next));
}

// Called when the server no longer knows the session.
export function onEnded(call: (why: string) => void): void {
  whenEnded = call;
}

// Whether the login may write to `resource`, as far as the page knows.
export function may(resource: string): boolean {
  return current?.grants?.some(
    (grant) => (grant.resource === '*' || grant.resource === resource)
      && grant.actions.some((action) => action === '*' || action === 'w')) ?? true;
}

export type Query = Record<string, string | number | undefined>;

export interface Call {
  method?: 'GET' | 'POST' | 'DELETE';
  query?: Query;
  // Sent as JSON, but for a text or a file, which go as they are with `type`.
  body?: unknown;
  type?: string;
  signal?: AbortSignal;
  // Milliseconds; 0: none.
  timeout?: number;
}

function addressOf(path: string, query: Query = {}): string {
  const url = new URL(root + path.slice(1));
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== '') url.searchParams.set(name, String(value));
  }
  return url.href;
}

// The answer, whatever its status. Errors: ServerError with status 0.
export async function request(path: string, options: Call = {},
                              as: Session | null = current): Promise<Response> {
  const headers = new Headers();
  if (as !== null && as.header !== null) {
    headers.set(as.header, as.header === 'token' ? as.credential : `Bearer ${as.credential}`);
  }
  let body: BodyInit | undefined;
  if (typeof options.body === 'string' || options.body instanceof Blob) {
    body = options.body;
    headers.set('Content-Type', options.type ?? 'text/plain');
  } else if (options.body !== undefined) {
    body = JSON.stringify(options.body);
    headers.set('Content-Type', 'application/json');
  }
  const ends: AbortSignal[] = options.signal ? [options.signal] : [];
  const ender = new AbortController();
  const timer = options.timeout === 0 ? 0
    : window.setTimeout(() => ender.abort(), options.timeout ?? kTimeout);
  ends.forEach((signal) => signal.addEventListener('abort', () => ender.abort()));
  try {
    return await fetch(addressOf(path, options.query), {
      method: options.method ?? (body === undefined ? 'GET' : 'POST'), headers, body,
      credentials: 'omit', cache: 'no-store', signal: ender.signal,
    });
  } catch {
    throw new ServerError(0, t('The server did not answer.'));
  } finally {
    window.clearTimeout(timer);
  }
}

// What the server says of a failed call.
export async function problemOf(answer: Response): Promise<ServerError> {
  const body = await answer.json().catch(() => null) as { msg?: unknown; message?: unknown } | null;
  const said = [body?.msg, body?.message].find((text) => typeof text === 'string');
  return new ServerError(answer.status, said === undefined ? `HTTP ${answer.status}` : String(said));
}

// The answer of a call that succeeded. Errors: ServerError.
export async function call<T>(path: string, options: Call = {}): Promise<T> {
  const asked = current;
  const answer = await request(path, options);
  if (answer.ok) {
    const text = await answer.text();
    return (text === '' ? null : JSON.parse(text)) as T;
  }
  const problem = await problemOf(answer);
  if (answer.status === 401 && asked !== null && asked === current) {
    keep(null);
    whenEnded(problem.message);
  }
  throw problem;
}

interface LoginAnswer {
  username: string;
  access_token: string;
  permissions: Grant[];
}

export async function signIn(username: string, password: string): Promise<void> {
  const answer = await request('/manager/login', { body: { username, password } }, null);
  if (!answer.ok) throw await problemOf(answer);
  const login = await answer.json() as LoginAnswer;
  keep({ user: login.username, header: 'Authorization', credential: login.access_token,
         grants: login.permissions });
}

// With a manager token or the secret of an API key.
export async function signInWithToken(token: string): Promise<void> {
  const next: Session = { user: t('token'), header: 'token', credential: token, grants: null };
  const answer = await request('/varz', {}, next);
  if (!answer.ok) throw await problemOf(answer);
  keep(next);
}

// Signs in without anything where the port asks for nothing.
export async function signInAsNobody(): Promise<boolean> {
  const next: Session = { user: '', header: null, credential: '', grants: null };
  const answer = await request('/varz', {}, next).catch(() => null);
  if (answer === null || !answer.ok) return false;
  keep(next);
  return true;
}
