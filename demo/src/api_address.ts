// Where the HTTP API is, as far as the page may know it by itself.
//
// A link to the page can carry any address (?apiurl=), and whoever follows it types tokens into the form:
// the page would send them there. Another port of the page's own host is no better, since anybody with an
// account on that machine may listen there. So what the link says counts for nothing: the server that served
// the page names the address, and another one has to be typed in.
import { normalUrl } from './api';

const kPatience = 5000; // milliseconds

// What the server says in api.json, or else the API's usual port on the page's host.
export async function apiAddress(): Promise<string> {
  const usual = `${location.protocol}//${location.hostname}:5001`;
  try {
    const answer = await fetch('api.json', { credentials: 'omit', cache: 'no-store',
                                             signal: AbortSignal.timeout(kPatience) });
    const { url } = await answer.json() as { url?: unknown };
    return (typeof url === 'string' ? normalUrl(url) : null) ?? usual;
  } catch {
    return usual;
  }
}
