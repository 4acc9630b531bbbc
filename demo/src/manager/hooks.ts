// What views stand on: where the page is, and what is loaded for it.
import { useCallback, useEffect, useMemo, useRef, useState } from 'preact/hooks';

import { ServerError } from './session';

// "#/channels/2/group1?prefix=a" is ['channels', '2', 'group1'] with a query.
export interface Place {
  parts: string[];
  query: URLSearchParams;
}

function place(): Place {
  const [path, query = ''] = location.hash.replace(/^#\/?/, '').split('?', 2);
  return { parts: path.split('/').filter((part) => part !== '').map(decoded),
           query: new URLSearchParams(query) };
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

export function linkTo(parts: (string | number)[], query: Record<string, string> = {}): string {
  const text = new URLSearchParams(
    Object.entries(query).filter(([, value]) => value !== '')).toString();
  return `#/${parts.map((part) => encodeURIComponent(part)).join('/')}${text ? `?${text}` : ''}`;
}

export function go(link: string): void {
  location.hash = link;
}

export function usePlace(): Place {
  const [hash, set] = useState(location.hash);
  useEffect(() => {
    const changed = () => set(location.hash);
    window.addEventListener('hashchange', changed);
    // It may have changed since the page was drawn, before anybody listened.
    changed();
    return () => window.removeEventListener('hashchange', changed);
  }, []);
  return useMemo(place, [hash]);
}

export interface Loaded<T> {
  value: T | null; // also while it is loaded anew
  error: ServerError | null;
  loading: boolean;
  reload: () => void;
}

export function asServerError(error: unknown): ServerError {
  return error instanceof ServerError ? error : new ServerError(0, String(error));
}

// Calls `load` at once, whenever `key` changes, and every `interval` milliseconds if that is not 0.
// What belonged to another key is gone at once.
export function useLoaded<T>(key: string, load: (signal: AbortSignal) => Promise<T>,
                             interval = 0): Loaded<T> {
  const [state, setState] = useState<{ key: string; value: T | null; error: ServerError | null;
                                       loading: boolean }>(
    { key, value: null, error: null, loading: true });
  const [turn, setTurn] = useState(0);
  const latest = useRef(load);
  latest.current = load;
  useEffect(() => {
    const ender = new AbortController();
    let timer = 0;
    const once = async () => {
      setState((old) => ({ key, value: old.key === key ? old.value : null,
                           error: old.key === key ? old.error : null, loading: true }));
      try {
        const value = await latest.current(ender.signal);
        if (!ender.signal.aborted) setState({ key, value, error: null, loading: false });
      } catch (error) {
        if (!ender.signal.aborted) {
          setState((old) => ({ ...old, error: asServerError(error), loading: false }));
        }
      }
      if (interval > 0 && !ender.signal.aborted) timer = window.setTimeout(once, interval);
    };
    void once();
    return () => {
      ender.abort();
      window.clearTimeout(timer);
    };
  }, [key, turn, interval]);
  const reload = useCallback(() => setTurn((old) => old + 1), []);
  const own = state.key === key ? state : { value: null, error: null, loading: true };
  return { value: own.value, error: own.error, loading: own.loading, reload };
}
