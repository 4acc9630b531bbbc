// One job: how far it is, what became of its items, and what can be done with it.
import { useState } from 'preact/hooks';

import { translator } from '../language';
import { Field } from '../widgets';
import { count, payloadLine, span, time, typeName } from './format';
import { linkTo, useLoaded } from './hooks';
import { type Job, JobState, triedOf } from './jobs';
import { Listing, type Page } from './listing';
import { call, problemOf, request } from './session';
import { Action, Empty, Facts, Head, Loading, Notice, Problem, Rights } from './states';
import { kCommon } from './words';

const t = translator({
  ...kCommon,
  'without a name': '未命名',
  'Items': '条目',
  'tried': '已尝试',
  '{tried} of {items} tried': '已尝试 {tried} / {items}',
  'Accepted': '已接受',
  'Duplicates': '重复',
  'Refused': '被拒绝',
  'Unknown': '未知',
  'Pending': '待发送',
  'Pushed online': '在线已推送',
  'Left for offline': '留待离线者',
  '{receivers} receivers': '{receivers} 位接收者',
  'Speed': '速度',
  '{rate} a second': '每秒 {rate}',
  'held to {rate} a second': '限制为每秒 {rate}',
  'Begun': '开始',
  'Ended': '结束',
  'Expected end': '预计结束',
  'in {span}': '{span}后',
  'Durable within': '持久化耗时',
  'half {p50} ms, 99 of 100 {p99} ms': '50% {p50} 毫秒，99% {p99} 毫秒',
  'Why': '原因',
  'Pause': '暂停',
  'Resume': '继续',
  'End the job': '取消任务',
  'Try again what failed': '重试失败项',
  'Change the speed': '修改速度',
  'Items a second': '每秒条数',
  '0: as fast as it goes.': '0：尽可能快。',
  'Recall all of it': '全部撤回',
  'Recall everything that this job has sent?': '撤回此任务发送的全部消息？',
  'Another job takes the messages back one by one; clients are told. What is not sent yet stays unsent. This cannot be undone.':
    '另一个任务会逐条撤回消息并通知客户端；尚未发送的不再发送。此操作不可撤销。',
  'Items on their way are still sent; it goes on where it was.': '正在发送的条目仍会发出；之后可从原处继续。',
  'It goes on where it was.': '从原处继续。',
  'What was sent stays sent; the rest is not sent. It cannot be resumed.':
    '已发送的保留，其余不再发送，且不能继续。',
  'Items that were refused are sent once more, and those that were not tried.':
    '被拒绝的和未尝试的条目会再发送一次。',
  'Its results are forgotten; messages stay.': '结果会被清除，消息保留。',
  'Done: {what}.': '已完成：{what}。',
  'Results': '结果',
  'Items and their results': '条目及其结果',
  'All': '全部',
  'accepted': '已接受',
  'duplicate': '重复',
  'refused': '被拒绝',
  'unknown': '未知',
  'pending': '待发送',
  'Item': '条目',
  'Result': '结果',
  'message {id}, seq {seq}': '消息 {id}，序号 {seq}',
  'stored before': '之前已存储',
  'No item has this result.': '没有此结果的条目。',
  'What was refused': '被拒绝的条目',
  'Nothing was refused.': '没有被拒绝的条目。',
  'Content': '内容',
  'There is no such job.': '没有这个任务。',
  'It was deleted, or ended longer ago than jobs.keep.': '已被删除，或结束时间早于 jobs.keep。',
});

interface ItemResult {
  index: number;
  message_idstr?: string;
  message_seq?: number;
  client_msg_no: string;
  reason?: number;
  duplicate?: boolean;
  code?: string;
  msg?: string;
  state?: string;
}

interface DeadLetter {
  index: number;
  client_msg_no: string;
  from_uid?: string;
  channel_id?: string;
  channel_type?: number;
  payload?: string;
  reason: number;
  msg: string;
}

const kPage = 50;
const kEnded = ['done', 'cancelled', 'failed'];
const kStatuses = ['accepted', 'duplicate', 'refused', 'unknown', 'pending'] as const;

// The results are one long answer of lines: it is read until a page is full, and then left.
async function results(id: string, status: string, from: string,
                       signal: AbortSignal): Promise<Page<ItemResult>> {
  const answer = await request(`/jobs/${id}/results`, { query: { status, from: from || '0' }, signal });
  if (!answer.ok) throw await problemOf(answer);
  const reader = answer.body!.getReader();
  const decoder = new TextDecoder();
  const items: ItemResult[] = [];
  let rest = '';
  for (;;) {
    const { done, value } = await reader.read();
    rest += decoder.decode(value, { stream: !done });
    const lines = rest.split('\n');
    rest = lines.pop()!;
    for (const line of lines) {
      if (line === '') continue;
      const item = JSON.parse(line) as ItemResult & { done?: boolean };
      if (item.done) return { items, next: null };
      if (items.length === kPage) {
        await reader.cancel();
        return { items, next: String(item.index) };
      }
      items.push(item);
    }
    if (done) return { items, next: null };
  }
}

function ResultText(props: { item: ItemResult }) {
  const { item } = props;
  if (item.state !== undefined && item.msg === undefined) return <>{item.state}</>;
  if (item.msg !== undefined) return <>{item.msg}</>;
  return (
    <>
      <a href={linkTo(['messages'], { message_id: item.message_idstr ?? '' })}>
        {t('message {id}, seq {seq}', { id: item.message_idstr ?? '', seq: item.message_seq ?? 0 })}
      </a>
      {item.duplicate && ` (${t('stored before')})`}
    </>
  );
}

function Results(props: { job: Job }) {
  const { job } = props;
  const [status, setStatus] = useState<typeof kStatuses[number] | ''>('');
  const ended = kEnded.includes(job.state);
  return (
    <section class="panel" aria-label={t('Results')}>
      <h2>{t('Results')}</h2>
      <div class="tabs" role="group" aria-label={t('Results')}>
        <button type="button" aria-pressed={status === ''} onClick={() => setStatus('')}>{t('All')}</button>
        {kStatuses.map((one) => (
          <button key={one} type="button" aria-pressed={status === one}
                  onClick={() => setStatus(one)}>{t(one)}</button>
        ))}
      </div>
      {status === 'refused' ? (
        <Listing<DeadLetter>
          of={`letters ${job.id} ${job.pass} ${ended}`} caption={t('What was refused')}
          load={async (cursor, signal) => {
            const page = await call<{ dead_letters: DeadLetter[]; next?: number }>(
              `/batches/${job.batch_id}/dead-letters`,
              { query: { from: cursor, limit: kPage }, signal });
            return { items: page.dead_letters, next: page.next ? String(page.next) : null };
          }}
          keyOf={(one) => String(one.index)}
          columns={[
            { name: t('Item'), number: true, cell: (one) => one.index },
            { name: t('Channel'), cell: (one) => (one.channel_id === undefined ? ''
              : `${one.channel_id} (${typeName(one.channel_type ?? 0)})`) },
            { name: t('Content'), cell: (one) => (one.payload ? payloadLine(one.payload).slice(0, 160) : '') },
            { name: t('Why'), cell: (one) => `${one.msg} (${one.reason})` },
          ]}
          empty={<Empty what={t('Nothing was refused.')} />} />
      ) : (
        <Listing<ItemResult>
          of={`results ${job.id} ${job.pass} ${status} ${ended}`} caption={t('Items and their results')}
          load={(cursor, signal) => results(job.id, status, cursor, signal)}
          keyOf={(one) => String(one.index)}
          columns={[
            { name: t('Item'), number: true, cell: (one) => one.index },
            { name: t('Result'), cell: (one) => <ResultText item={one} /> },
            { name: 'client_msg_no', cell: (one) => <span class="mono">{one.client_msg_no}</span> },
          ]}
          empty={<Empty what={t('No item has this result.')} />} />
      )}
    </section>
  );
}

function Actions(props: { job: Job; done: (what: string) => void; gone: () => void }) {
  const { job } = props;
  const [rate, setRate] = useState(String(job.rate ?? 0));
  // All of them are there all the time: a dialog outlives the state in which it was opened.
  const act = (what: 'pause' | 'resume' | 'cancel' | 'retry', offered: boolean, label: string,
               text: string, kind?: 'danger') => (
    <Action key={what} label={label} title={label} resource="jobs" kind={kind}
            state={job.state} offered={offered}
            run={async () => {
              await call(`/jobs/${job.id}/${what}`, { method: 'POST' });
            }}
            done={() => props.done(label)}>
      <p>{text}</p>
    </Action>
  );
  const ended = kEnded.includes(job.state);
  return (
    <>
      {act('pause', job.state === 'running' || job.state === 'ready', t('Pause'),
           t('Items on their way are still sent; it goes on where it was.'))}
      {act('resume', job.state === 'paused', t('Resume'), t('It goes on where it was.'))}
      <Action label={t('Change the speed')} title={t('Change the speed')} confirm={t('Save')}
              resource="jobs" state={job.state} offered={!ended}
              run={async () => {
                await call(`/jobs/${job.id}/rate`, { method: 'POST', query: { rate } });
              }}
              done={() => props.done(t('Change the speed'))}>
        <Field label={t('Items a second')} hint={t('0: as fast as it goes.')}>
          <input type="number" min={0} value={rate}
                 onInput={(event) => setRate(event.currentTarget.value)} />
        </Field>
      </Action>
      {act('cancel', !ended, t('End the job'),
           t('What was sent stays sent; the rest is not sent. It cannot be resumed.'), 'danger')}
      {act('retry', (job.state === 'done' || job.state === 'failed') && job.refused + job.pending > 0,
           t('Try again what failed'),
           t('Items that were refused are sent once more, and those that were not tried.'))}
      <Action label={t('Recall all of it')} title={t('Recall everything that this job has sent?')}
              kind="danger" resource="batches" state={job.state}
              offered={job.accepted > 0 && job.kind === undefined}
              run={async () => {
                await call(`/batches/${job.batch_id}/recall`, { body: {} });
              }}
              done={() => props.done(t('Recall all of it'))}>
        <p>{t('Another job takes the messages back one by one; clients are told. What is not sent yet stays unsent. This cannot be undone.')}</p>
      </Action>
      <Action label={t('Delete')} title={t('Delete')} kind="danger" resource="jobs"
              state={job.state} offered={ended}
              run={async () => {
                await call(`/jobs/${job.id}`, { method: 'DELETE' });
              }}
              done={props.gone}>
        <p>{t('Its results are forgotten; messages stay.')}</p>
      </Action>
    </>
  );
}

export function JobView(props: { id: string }) {
  const [notice, setNotice] = useState('');
  const loaded = useLoaded(`job ${props.id}`, (signal) => call<Job>(`/jobs/${encodeURIComponent(props.id)}`, { signal }), 1500);
  const job = loaded.value;
  const back: [string, string] = [t('Batches and jobs'), linkTo(['jobs'])];
  if (job === null || loaded.error?.status === 404) {
    return (
      <>
        <Head title={props.id} back={back} />
        {loaded.error === null ? <Loading />
          : loaded.error.status === 404
            ? <Empty what={t('There is no such job.')}>{t('It was deleted, or ended longer ago than jobs.keep.')}</Empty>
            : <Problem error={loaded.error} retry={loaded.reload} />}
      </>
    );
  }
  const tried = triedOf(job);
  const now = Date.now() / 1000;
  return (
    <>
      <Head title={job.name || t('without a name')} text={job.id} back={back}>
        <Actions job={job}
                 done={(what) => {
                   setNotice(t('Done: {what}.', { what }));
                   loaded.reload();
                 }}
                 gone={loaded.reload} />
      </Head>
      <Rights resources={['jobs', 'batches']} />
      <Notice text={notice} />
      {loaded.error && <Problem error={loaded.error} />}
      <section class="panel" aria-label={t('State')} data-job={job.state}>
        <p class="row wrap">
          <JobState state={job.state} />
          <span>{t('{tried} of {items} tried', { tried: count(tried), items: count(job.items) })}</span>
        </p>
        <progress aria-label={t('tried')} max={Math.max(1, job.items)} value={tried} />
        {job.reason && <p class="warning">{t('Why')}: {job.reason}</p>}
        <Facts rows={[
          [t('Accepted'), count(job.accepted)],
          [t('Duplicates'), count(job.duplicate)],
          [t('Refused'), count(job.refused)],
          [t('Unknown'), count(job.unknown)],
          [t('Pending'), count(job.pending)],
          ...(job.fanned_out === undefined ? [] : [
            [t('Pushed online'), t('{receivers} receivers', { receivers: count(job.pushed_online ?? 0) })],
            [t('Left for offline'), t('{receivers} receivers', { receivers: count(job.left_offline ?? 0) })],
          ] as [string, string][]),
          [t('Speed'), `${t('{rate} a second', { rate: count(job.items_per_second ?? 0) })}${
            job.rate ? ` (${t('held to {rate} a second', { rate: count(job.rate) })})` : ''}`],
          [t('Begun'), time(job.started_at ?? job.created_at)],
          job.ended_at ? [t('Ended'), time(job.ended_at)]
            : [t('Expected end'), job.expected_end
              ? t('in {span}', { span: span(Math.max(0, job.expected_end - now)) }) : '–'],
          [t('Durable within'), job.commit_ms === undefined ? '–'
            : t('half {p50} ms, 99 of 100 {p99} ms', { p50: job.commit_ms.p50, p99: job.commit_ms.p99 })],
        ]} />
      </section>
      {job.state !== 'uploading' && <Results job={job} />}
    </>
  );
}
