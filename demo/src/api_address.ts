// Where the HTTP API is, as far as the page may know it by itself.
//
// A link to the page can carry any address (?apiurl=), and whoever follows it types tokens into the form:
// the page would send them there. So an address from the link counts only when it is on the page's own
// host, or when the server that served the page names it too. Another one has to be typed in.
import { normalUrl } from './api';

const kLoopback = /^(localhost|.*\.localhost|127(\.\d{1,3}){3}|\[::1\])$/;

function isOwnHost(url: string): boolean {
  const { hostname } = new URL(url);
  return hostname === location.hostname
    || (kLoopback.test(hostname) && kLoopback.test(location.hostname));
}

function linkedAddress(): string | null {
  const given = new URLSearchParams(location.search).get('apiurl');
  return given === null ? null : normalUrl(given);
}

// Known at once: the link's, or else the API's usual port on the page's host.
export function firstAddress(): string {
  const linked = linkedAddress();
  return linked !== null && isOwnHost(linked) ? linked
    : `${location.protocol}//${location.hostname}:5001`;
}

// What the server says, if that is to take the place of firstAddress(): null when the link has a good
// one already, or the server says nothing.
export async function toldAddress(): Promise<string | null> {
  const linked = linkedAddress();
  if (linked !== null && isOwnHost(linked)) return null;
  try {
    const answer = await fetch('api.json', { credentials: 'omit', cache: 'no-store' });
    const { url } = await answer.json() as { url?: unknown };
    return typeof url === 'string' ? normalUrl(url) : null;
  } catch {
    return null;
  }
}
