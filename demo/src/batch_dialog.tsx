// POST /message/sendbatch to several groups, and what became of each item.
import { useEffect, useRef, useState } from 'preact/hooks';

import { ApiError, kGroup, type BatchItem, type BatchProblem, type BatchResult } from './api';
import { chat } from './chat';
import { t } from './i18n';
import { Dialog, Field, Icon, splitIds, type IconName } from './parts';
import { textPayload, toBase64 } from './payload';
import { reasonText } from './reasons';

type Outcome = 'stored' | 'duplicate' | 'refused' | 'unknown' | 'malformed' | 'untried';

interface Row {
  group: string;
  outcome: Outcome;
  detail: string;
}

function stamp(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(8));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

function rowOf(group: string, result: BatchResult | undefined): Row {
  if (result === undefined) return { group, outcome: 'untried', detail: '' };
  if (result.message_idstr !== '0') {
    const detail = t('message {id}, seq {seq}', { id: result.message_idstr,
                                                  seq: result.message_seq });
    return { group, outcome: result.duplicate ? 'duplicate' : 'stored', detail };
  }
  if (result.state === 'unknown') {
    return { group, outcome: 'unknown', detail: t('Post the same again to find out.') };
  }
  const words = reasonText(result.reason);
  const detail = result.reason > 1
    ? `${words} (${t('reason {reason}', { reason: result.reason })})` : result.msg ?? words;
  return { group, outcome: 'refused', detail };
}

// Of so many groups it is asked whether they have members.
const kAskedMax = 20;

// Says of what was stored in a group without members that nobody hears of it; nothing where the
// server does not tell.
async function withEmptyGroups(rows: Row[]): Promise<Row[]> {
  const asked = rows.filter((row) => row.outcome === 'stored' || row.outcome === 'duplicate')
    .map((row) => row.group).slice(0, kAskedMax);
  const counts = await Promise.all(asked.map(
    (group) => chat.api.members(group).then((uids) => uids.length, () => -1)));
  const empty = new Set(asked.filter((_, index) => counts[index] === 0));
  const note = t('the group has no members: nobody receives it');
  return rows.map((row) => (empty.has(row.group) ? { ...row, detail: `${row.detail}; ${note}` } : row));
}

// A request that failed as a whole may still say what became of each item: when every one was
// refused it has their results, when one is malformed what is wrong with it.
function failedRows(items: BatchItem[], given: unknown): Row[] | null {
  if (!Array.isArray(given) || given.length === 0) return null;
  if ('message_idstr' in given[0]) {
    return items.map((item, index) => rowOf(item.channel_id, given[index] as BatchResult));
  }
  const problems = given as BatchProblem[];
  return items.map((item, index) => {
    const own = problems.filter((problem) => problem.index === index);
    if (own.length === 0) return { group: item.channel_id, outcome: 'untried', detail: '' };
    return { group: item.channel_id, outcome: 'malformed',
             detail: own.map((problem) => problem.msg).join('; ') };
  });
}

function outcomeText(outcome: Outcome): string {
  switch (outcome) {
    case 'stored': return t('stored');
    case 'duplicate': return t('stored before');
    case 'refused': return t('refused');
    case 'unknown': return t('may be stored');
    case 'malformed': return t('malformed');
    case 'untried': return t('not tried');
  }
}

const kOutcomeIcons: Record<Outcome, IconName> = {
  stored: 'check', duplicate: 'repeat', refused: 'cross', unknown: 'clock', malformed: 'cross',
  untried: 'clock',
};

function Results({ rows }: { rows: Row[] }) {
  const stored = rows.filter((row) => row.outcome === 'stored' || row.outcome === 'duplicate').length;
  const refused = rows.length - stored;
  const section = useRef<HTMLElement>(null);
  useEffect(() => section.current?.scrollIntoView({ block: 'nearest' }), [rows]);
  return (
    <section ref={section} class="block results" aria-label={t('Results')}>
      <h3 role="status">
        {refused === 0 ? t('All {stored} stored', { stored })
          : t('{stored} stored, {refused} not', { stored, refused })}
      </h3>
      <ul role="list">
        {rows.map((row) => (
          <li key={row.group} class={row.outcome} data-group={row.group} data-outcome={row.outcome}>
            <span class="mark"><Icon name={kOutcomeIcons[row.outcome]} /></span>
            <span class="name">{row.group}</span>
            <span class="what">
              <b>{outcomeText(row.outcome)}</b>
              {row.detail && <span>{row.detail}</span>}
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}

export function BatchDialog(props: { known: string[]; selected: string; onClose: () => void }) {
  const [from, setFrom] = useState(chat.uid);
  const [groupText, setGroupText] = useState(props.selected);
  const [text, setText] = useState('');
  const [rows, setRows] = useState<Row[]>([]);
  const [items, setItems] = useState<BatchItem[]>([]);
  const [error, setError] = useState('');
  const [busy, setBusy] = useState(false);
  const groups = splitIds(groupText);

  const toggle = (group: string) => {
    const rest = groups.filter((one) => one !== group);
    setGroupText((rest.length === groups.length ? [...groups, group] : rest).join(', '));
  };
  const post = async (batch: BatchItem[]) => {
    setBusy(true);
    setError('');
    try {
      const results = await chat.api.sendBatch(batch);
      const each = batch.map((item, index) => rowOf(item.channel_id, results[index]));
      setRows(await withEmptyGroups(each));
    } catch (failure) {
      const each = failure instanceof ApiError ? failedRows(batch, failure.items) : null;
      setRows(each ?? []);
      const malformed = each?.some((row) => row.outcome === 'malformed');
      if (malformed) setError(t('Nothing was sent, because an item is malformed.'));
      else if (each === null) setError(chat.describe(failure));
    }
    setItems(batch);
    setBusy(false);
  };
  const submit = (event: Event) => {
    event.preventDefault();
    if (groups.length === 0) {
      setError(t('Name at least one group.'));
    } else if (text.trim() === '') {
      setError(t('Write a message first.'));
    } else {
      const run = stamp();
      const payload = toBase64(textPayload(text.trim()));
      void post(groups.map((group, index) => ({
        client_msg_no: `demo-${run}-${index + 1}`, from_uid: from.trim(), channel_id: group,
        channel_type: kGroup, header: { red_dot: 1 }, payload,
      })));
    }
  };
  const label = groups.length === 0 ? t('Post')
    : groups.length === 1 ? t('Post to 1 group') : t('Post to {count} groups', { count: groups.length });

  return (
    <Dialog title={t('Send a batch')} wide onClose={props.onClose}>
      <p class="hint">
        {t('One request, POST /message/sendbatch, with a message for each group. Every item has its own result.')}
      </p>
      <form onSubmit={submit} noValidate>
        <Field label={t('Groups')} hint={t('Group ids, separated by commas or line breaks')}>
          <textarea rows={2} value={groupText} autofocus spellcheck={false} autocapitalize="none"
                    onInput={(event) => setGroupText(event.currentTarget.value)} />
        </Field>
        {props.known.length > 0 && (
          <div class="chips" role="group" aria-label={t('Your groups')}>
            {props.known.map((group) => (
              <button type="button" key={group} aria-pressed={groups.includes(group)}
                      onClick={() => toggle(group)}>{group}</button>
            ))}
          </div>
        )}
        <div class="columns">
          <Field label={t('Message')}>
            <input type="text" value={text} maxLength={8000} autocomplete="off"
                   onInput={(event) => setText(event.currentTarget.value)} />
          </Field>
          <Field label={t('From')}>
            <input type="text" value={from} autocapitalize="none" spellcheck={false}
                   autocomplete="off" onInput={(event) => setFrom(event.currentTarget.value)} />
          </Field>
        </div>
        {error && <p class="error" role="alert">{error}</p>}
        <div class="row">
          <button type="submit" class="primary grow" disabled={busy}>
            {busy ? t('Posting…') : label}
          </button>
          {items.length > 0 && (
            <button type="button" disabled={busy} onClick={() => void post(items)}
                    title={t('The same client_msg_no: what was stored is recognised, not stored twice.')}>
              <Icon name="repeat" />{t('Post the same again')}
            </button>
          )}
        </div>
      </form>
      {rows.length > 0 && <Results rows={rows} />}
    </Dialog>
  );
}
