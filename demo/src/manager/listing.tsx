// A table that is read page by page, each by the cursor that the page before it told. Pages that
// were left behind are known by the cursors they began with.
import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';

import { translator } from '../language';
import { useLoaded } from './hooks';
import { Loading, Problem } from './states';

const t = translator({
  'Previous': '上一页',
  'Next': '下一页',
  'Pages of {table}': '{table}的翻页',
  'This page is empty, but the list goes on.': '此页为空，但列表还有后续内容。',
  'Reload': '刷新',
});

export interface Page<T> {
  items: T[];
  next: string | null; // where the next one begins; null: this is the last
}

// The lists of the server.
export interface ServerPage<T> {
  items: T[];
  has_more: boolean;
  next_cursor?: string;
}

export function pageOf<T>(answer: ServerPage<T>): Page<T> {
  return { items: answer.items, next: answer.has_more ? answer.next_cursor ?? null : null };
}

export interface Column<T> {
  name: string;
  cell: (item: T) => ComponentChildren;
  // Numbers stand to the right.
  number?: boolean;
}

export function Rows<T>(props: { caption: string; columns: Column<T>[]; items: T[];
                                 keyOf: (item: T) => string }) {
  // The roles are those that tables have anyway; on narrow screens, where rows are shown as cards,
  // browsers would forget them.
  return (
    <table role="table" aria-label={props.caption}>
      <thead role="rowgroup">
        <tr role="row">
          {props.columns.map((column) => (
            <th key={column.name} role="columnheader" scope="col"
                class={column.number ? 'number' : ''}>{column.name}</th>
          ))}
        </tr>
      </thead>
      <tbody role="rowgroup">
        {props.items.map((item) => (
          <tr key={props.keyOf(item)} role="row" data-key={props.keyOf(item)}>
            {props.columns.map((column) => (
              <td key={column.name} role="cell" data-label={column.name}
                  class={column.number ? 'number' : ''}>{column.cell(item)}</td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

// `of`: what is listed; another one begins at its first page. `version`: raised to load the page
// anew. `empty` is shown when there is nothing at all.
export function Listing<T>(props: {
  of: string;
  version?: number;
  caption: string;
  columns: Column<T>[];
  keyOf: (item: T) => string;
  load: (cursor: string, signal: AbortSignal) => Promise<Page<T>>;
  interval?: number;
  empty: ComponentChildren;
}) {
  const [walk, setWalk] = useState<{ of: string; cursors: string[] }>(
    { of: props.of, cursors: [''] });
  const cursors = walk.of === props.of ? walk.cursors : [''];
  useEffect(() => {
    if (walk.of !== props.of) setWalk({ of: props.of, cursors: [''] });
  }, [props.of, walk.of]);
  const cursor = cursors[cursors.length - 1];
  const page = useLoaded(`${props.of} ${props.version ?? 0} ${cursor}`,
                         (signal) => props.load(cursor, signal), props.interval);
  const next = page.value?.next ?? null;
  const first = cursors.length === 1;
  return (
    <section class="listing" aria-label={props.caption} aria-busy={page.value === null && page.loading}>
      {page.error && <Problem error={page.error} retry={page.reload} />}
      {page.value === null && !page.error && <Loading />}
      {page.value?.items.length === 0 && (
        first && next === null ? props.empty
          : <p class="empty">{t('This page is empty, but the list goes on.')}</p>
      )}
      {page.value !== null && page.value.items.length > 0 && (
        <Rows caption={props.caption} columns={props.columns} items={page.value.items}
              keyOf={props.keyOf} />
      )}
      <nav class="row pages" aria-label={t('Pages of {table}', { table: props.caption })}>
        <button type="button" disabled={first}
                onClick={() => setWalk({ of: props.of, cursors: cursors.slice(0, -1) })}>
          {t('Previous')}
        </button>
        <button type="button" disabled={next === null}
                onClick={() => setWalk({ of: props.of, cursors: [...cursors, next!] })}>
          {t('Next')}
        </button>
        <button type="button" class="quiet" disabled={page.loading} onClick={page.reload}>
          {t('Reload')}
        </button>
      </nav>
    </section>
  );
}
