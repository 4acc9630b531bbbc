// Batches that are sent in the background: which there are, and how one is begun from a file.
import { useState } from 'preact/hooks';

import { translator } from '../language';
import { Field } from '../widgets';
import { TypeSelect } from './channels';
import { count, time } from './format';
import { go, linkTo, type Place } from './hooks';
import { JobView } from './job';
import { Listing } from './listing';
import { call } from './session';
import { Action, Empty, Head, Rights, Tag } from './states';
import { kCommon } from './words';

const t = translator({
  ...kCommon,
  'The newest first; a job is kept for jobs.keep after its end.':
    '最新的在前；任务结束后保留 jobs.keep 时长。',
  'Job': '任务',
  'All states': '全部状态',
  'Progress': '进度',
  'Refused': '被拒绝',
  'Begun': '创建时间',
  'without a name': '未命名',
  'There is no job.': '没有任务。',
  'Begin one from a CSV file here, or send a batch with async=true.':
    '可在此用 CSV 文件创建，或发送带 async=true 的批量请求。',
  'No job is in this state.': '没有处于此状态的任务。',
  'Send a CSV file': '发送 CSV 文件',
  'Begin': '开始',
  'CSV file': 'CSV 文件',
  'Its first row names the columns: channel_id, channel_type, from_uid, client_msg_no, or variables of the payload.':
    '第一行为列名：channel_id、channel_type、from_uid、client_msg_no，或 payload 的变量。',
  'Rows, if there is no file': '若没有文件，直接填写行',
  'Payload': 'payload',
  'JSON or text, with {{column}} where a column goes.': 'JSON 或文本，用 {{列名}} 引用列。',
  'Sender of rows without from_uid': '没有 from_uid 的行的发送者',
  'Channel type of rows without one': '没有频道类型的行的类型',
  'Name': '名称',
  'For people.': '供人识别。',
  'Items a second': '每秒条数',
  '0: as fast as it goes.': '0：尽可能快。',
});

export interface Job {
  id: string;
  batch_id: string;
  name?: string;
  kind?: string;
  state: string;
  reason?: string;
  items: number;
  accepted: number;
  duplicate: number;
  refused: number;
  unknown: number;
  pending: number;
  fanned_out?: number;
  pushed_online?: number;
  left_offline?: number;
  pass: number;
  rate?: number;
  created_at: number;
  started_at?: number;
  ended_at?: number;
  items_per_second?: number;
  expected_end?: number;
  commit_ms?: { p50: number; p90: number; p99: number };
}

const kStates = ['uploading', 'ready', 'running', 'paused', 'done', 'cancelled', 'failed'];
const kPage = 50;

export function JobState(props: { state: string }) {
  const kind = props.state === 'done' ? 'good' : props.state === 'failed' ? 'bad'
    : props.state === 'paused' || props.state === 'cancelled' ? 'warn' : undefined;
  return <Tag kind={kind}>{props.state}</Tag>;
}

export function triedOf(job: Job): number {
  return job.items - job.pending;
}

function NewJob() {
  const [file, setFile] = useState<File | null>(null);
  const [rows, setRows] = useState('');
  const [payload, setPayload] = useState('{"type": 1, "content": "{{content}}"}');
  const [sender, setSender] = useState('');
  const [type, setType] = useState(2);
  const [name, setName] = useState('');
  const [rate, setRate] = useState('0');
  return (
    <Action label={t('Send a CSV file')} title={t('Send a CSV file')} confirm={t('Begin')}
            kind="primary" resource="message" wide
            run={async () => {
              const answer = await call<{ id: string }>('/message/sendbatch', {
                method: 'POST', type: 'text/csv', body: file ?? rows, timeout: 0,
                query: { async: 'true', payload, from_uid: sender.trim(), channel_type: type,
                         name: name.trim(), rate },
              });
              go(linkTo(['jobs', answer.id]));
            }}
            done={() => undefined}>
      <Field label={t('CSV file')}
             hint={t('Its first row names the columns: channel_id, channel_type, from_uid, client_msg_no, or variables of the payload.')}>
        <input type="file" accept=".csv,text/csv"
               onChange={(event) => setFile(event.currentTarget.files?.[0] ?? null)} />
      </Field>
      <Field label={t('Rows, if there is no file')}>
        <textarea value={rows} spellcheck={false} placeholder={'channel_id,content\ngroup1,Hello'}
                  onInput={(event) => setRows(event.currentTarget.value)} />
      </Field>
      <Field label={t('Payload')} hint={t('JSON or text, with {{column}} where a column goes.')}>
        <input type="text" value={payload} spellcheck={false}
               onInput={(event) => setPayload(event.currentTarget.value)} />
      </Field>
      <div class="pair">
        <Field label={t('Sender of rows without from_uid')}>
          <input type="text" value={sender} spellcheck={false}
                 onInput={(event) => setSender(event.currentTarget.value)} />
        </Field>
        <Field label={t('Channel type of rows without one')}>
          <TypeSelect value={type} onChange={setType} />
        </Field>
      </div>
      <div class="pair">
        <Field label={t('Name')} hint={t('For people.')}>
          <input type="text" value={name} onInput={(event) => setName(event.currentTarget.value)} />
        </Field>
        <Field label={t('Items a second')} hint={t('0: as fast as it goes.')}>
          <input type="number" min={0} value={rate}
                 onInput={(event) => setRate(event.currentTarget.value)} />
        </Field>
      </div>
    </Action>
  );
}

export function Jobs(props: { place: Place }) {
  const { parts, query } = props.place;
  if (parts.length >= 2) return <JobView key={parts[1]} id={parts[1]} />;
  return <JobList state={query.get('state') ?? ''} />;
}

function JobList(props: { state: string }) {
  return (
    <>
      <Head title={t('Batches and jobs')}
            text={t('The newest first; a job is kept for jobs.keep after its end.')}>
        <NewJob />
      </Head>
      <Rights resources={['message', 'jobs']} />
      <div class="filters">
        <Field label={t('State')}>
          <select value={props.state}
                  onChange={(event) => go(linkTo(['jobs'], { state: event.currentTarget.value }))}>
            <option value="">{t('All states')}</option>
            {kStates.map((state) => <option key={state} value={state}>{state}</option>)}
          </select>
        </Field>
      </div>
      <Listing<Job>
        of={`jobs ${props.state}`} caption={t('Batches and jobs')} interval={3000}
        load={async (cursor, signal) => {
          const page = await call<{ jobs: Job[]; more: number }>(
            '/jobs', { query: { state: props.state, before: cursor, limit: kPage }, signal });
          const last = page.jobs[page.jobs.length - 1];
          return { items: page.jobs, next: page.more !== 0 && last ? last.id : null };
        }}
        keyOf={(one) => one.id}
        columns={[
          { name: t('Job'), cell: (one) => (
            <a href={linkTo(['jobs', one.id])}>
              {one.name || t('without a name')}{one.kind ? ` (${one.kind})` : ''}
              <span class="hint mono block-line">{one.id}</span>
            </a>
          ) },
          { name: t('State'), cell: (one) => <JobState state={one.state} /> },
          { name: t('Progress'), number: true,
            cell: (one) => `${count(triedOf(one))} / ${count(one.items)}` },
          { name: t('Refused'), number: true, cell: (one) => count(one.refused) },
          { name: t('Begun'), cell: (one) => time(one.created_at) },
        ]}
        empty={<Empty what={props.state === '' ? t('There is no job.') : t('No job is in this state.')}>
          {t('Begin one from a CSV file here, or send a batch with async=true.')}
        </Empty>} />
    </>
  );
}
