// Who is signed in, so that a reload goes on: in the session storage, which belongs to one tab and goes with it.
// The manager token opens the whole API and is not kept.

export interface KeptSession {
  url: string;
  uid: string;
  token: string;
  wantsManagerToken: boolean;
  // What the page was opened with: behind another link this session does not go on.
  search: string;
}

const kKey = 'jindou.session';

export function keepSession(session: Omit<KeptSession, 'search'>): void {
  sessionStorage.setItem(kKey, JSON.stringify({ ...session, search: location.search }));
}

export function forgetSession(): void {
  sessionStorage.removeItem(kKey);
}

export function keptSession(): KeptSession | null {
  try {
    const kept = JSON.parse(sessionStorage.getItem(kKey) ?? 'null') as KeptSession | null;
    return kept?.search === location.search ? kept : null;
  } catch {
    return null;
  }
}
