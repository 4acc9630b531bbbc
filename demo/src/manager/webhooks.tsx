// What the customer's systems are told: how far behind that is, what failed last, what was given up
// and is told again, and how it is configured.
import { useState } from 'preact/hooks';

import { translator } from '../language';
import { count, payloadLine, span, time, typeName } from './format';
import { linkTo, useLoaded } from './hooks';
import { Listing, Rows } from './listing';
import { call } from './session';
import { Action, Empty, Facts, Head, Loading, Notice, Problem, Rights, Tag } from './states';
import { kCommon } from './words';

const t = translator({
  ...kCommon,
  'What waits to be told, of this node; live.': '等待通知的内容，仅此节点，实时更新。',
  'No webhook is configured.': '没有配置 webhook。',
  'Set webhook.httpAddr or webhook.grpcAddr, and reload.': '设置 webhook.httpAddr 或 webhook.grpcAddr，然后重新加载配置。',
  'Events': '事件',
  'Event': '事件',
  'Waiting': '等待',
  'Oldest': '最久等待',
  'Told': '已通知',
  'Failed attempts': '失败尝试',
  'Given up': '已放弃',
  'The receiver does not take {event}: {failed} attempts failed, the oldest has been waiting for {span}.':
    '接收方未接受 {event}：{failed} 次尝试失败，最久等待 {span}。',
  'What came last: {error}. Look at the receiver. More than {limit} waiting, or older than webhook.maxAge, are given up.':
    '最近的结果：{error}。请检查接收方。等待超过 {limit} 条或早于 webhook.maxAge 的会被放弃。',
  'Last error': '最近错误',
  'Dead letters': '死信',
  'What the webhook has given up of msg.notify, msg.recall and msg.edit. Of other events it is counted only.':
    'webhook 放弃的 msg.notify、msg.recall、msg.edit。其他事件只计数。',
  'There is no dead letter.': '没有死信。',
  'What is given up is listed here about a second later.': '放弃的内容约一秒后列在这里。',
  'Message': '消息',
  'Content': '内容',
  'Why': '原因',
  'Given up at': '放弃时间',
  'Attempts': '尝试次数',
  'to be told again': '将再次通知',
  'the message is gone': '消息已不存在',
  'Tell again': '再次通知',
  'Tell this one again?': '再次通知这一条？',
  'Tell all again': '全部再次通知',
  'Tell all dead letters again?': '再次通知全部死信？',
  'It goes the way of what is new. When it is given up again, it comes back to this list.':
    '与新内容走同一条路。再次被放弃时会回到此列表。',
  'All of this list is told again beside what is new, in its order. What is given up again comes back to the list. Make sure that the receiver is mended.':
    '列表中的全部内容按顺序与新内容一起再次通知，再次被放弃的会回到列表。请先确认接收方已修好。',
  '{count} are told again.': '{count} 条将再次通知。',
  'Address': '地址',
  'Events that are told': '通知的事件',
  'all': '全部',
  'Requests at a time': '并发请求',
  'Time for an answer': '应答超时',
  'Messages in a request': '每个请求的消息数',
  'Longest wait for more': '最长等待',
  'Most that may wait': '最多等待',
});

interface Config {
  enabled: boolean;
  http_addr: string;
  grpc_addr: string;
  focus_events: string[];
  queue_size: number;
  workers: number;
  msg_notify_batch_max_items: number;
  msg_notify_batch_max_wait: string;
  request_timeout: string;
}

interface EventRow {
  event: string;
  backlog: number;
  oldest_seconds: number;
  sent: number;
  failed_attempts: number;
  given_up: number;
  last_error: string;
  last_error_at_ms: number;
}

interface Status {
  backlog_max: number;
  events: EventRow[];
}

interface DeadLetter {
  id: string;
  event: string;
  message_idstr?: string;
  message_seq: number;
  channel_id: string;
  channel_type: number;
  payload?: string;
  code: string;
  msg: string;
  given_up_at_ms: number;
  attempts: number;
  redriving: number;
  redrivable: number;
}

// Waiting for longer than this while attempts fail is trouble.
const kLate = 60;
const kPage = 50;

async function load(signal: AbortSignal): Promise<{ config: Config; status: Status }> {
  const [config, status] = await Promise.all([
    call<Config>('/manager/webhooks/config', { signal }),
    call<Status>('/webhook/status', { signal }),
  ]);
  return { config, status };
}

// All of them, or the one with this id.
async function redrive(id?: string): Promise<number> {
  const done = await call<{ redriven: number }>('/webhook/redrive', { method: 'POST', query: { id } });
  return done.redriven;
}

function DeadLetters(props: { version: number; told: (redriven: number) => void }) {
  return (
    <div class="after">
      <h2>{t('Dead letters')}</h2>
      <p class="hint rights">{t('What the webhook has given up of msg.notify, msg.recall and msg.edit. Of other events it is counted only.')}</p>
      <Listing<DeadLetter>
        of="dead letters" version={props.version} caption={t('Dead letters')} interval={3000}
        load={async (cursor, signal) => {
          const page = await call<{ dead_letters: DeadLetter[]; next?: string }>(
            '/webhook/dead-letters', { query: { cursor, limit: kPage }, signal });
          return { items: page.dead_letters, next: page.next ?? null };
        }}
        keyOf={(one) => one.id}
        columns={[
          { name: t('Message'), cell: (one) => (
            <div>
              {one.message_idstr === undefined ? t('the message is gone')
                : <a href={linkTo(['messages'], { message_id: one.message_idstr })}>{one.message_idstr}</a>}
              <span class="hint block-line">
                {one.channel_id} ({typeName(one.channel_type)}) · {one.message_seq}
              </span>
            </div>
          ) },
          { name: t('Event'), cell: (one) => <Tag>{one.event}</Tag> },
          { name: t('Content'), cell: (one) => (one.payload ? payloadLine(one.payload).slice(0, 120) : '') },
          { name: t('Why'), cell: (one) => (
            <div><Tag kind="bad">{one.code}</Tag><span class="hint block-line">{one.msg}</span></div>
          ) },
          { name: t('Given up at'), cell: (one) => time(one.given_up_at_ms / 1000) },
          { name: t('Attempts'), number: true, cell: (one) => count(one.attempts) },
          { name: t('Actions'), cell: (one) => (one.redriving !== 0
            ? <Tag kind="warn">{t('to be told again')}</Tag> : (
              <Action small label={t('Tell again')} title={t('Tell this one again?')} resource="webhook"
                      describe={`${one.channel_id} ${one.message_seq}`}
                      run={async () => props.told(await redrive(one.id))} done={() => undefined}>
                <p>{t('It goes the way of what is new. When it is given up again, it comes back to this list.')}</p>
              </Action>
            )) },
        ]}
        empty={<Empty what={t('There is no dead letter.')}>{t('What is given up is listed here about a second later.')}</Empty>} />
    </div>
  );
}

export function Webhooks() {
  const loaded = useLoaded('webhooks', load, 3000);
  const [version, setVersion] = useState(0);
  const [notice, setNotice] = useState('');
  const told = (redriven: number) => {
    setNotice(t('{count} are told again.', { count: count(redriven) }));
    setVersion((old) => old + 1);
  };
  const head = (
    <Head title={t('Webhooks')} text={t('What waits to be told, of this node; live.')}>
      <Action label={t('Tell all again')} title={t('Tell all dead letters again?')} resource="webhook"
              run={async () => told(await redrive())} done={() => undefined}>
        <p>{t('All of this list is told again beside what is new, in its order. What is given up again comes back to the list. Make sure that the receiver is mended.')}</p>
      </Action>
    </Head>
  );
  if (loaded.value === null) {
    return <>{head}{loaded.error ? <Problem error={loaded.error} retry={loaded.reload} /> : <Loading />}</>;
  }
  const { config, status } = loaded.value;
  const late = status.events.filter((row) => row.backlog > 0 && row.oldest_seconds > kLate);
  return (
    <>
      {head}
      <Rights resources={['webhook']} />
      <Notice text={notice} />
      {loaded.error && <Problem error={loaded.error} />}
      {late.map((row) => (
        <div key={row.event} class="problem" role="alert">
          <p><strong>{t('The receiver does not take {event}: {failed} attempts failed, the oldest has been waiting for {span}.',
                        { event: row.event, failed: count(row.failed_attempts), span: span(row.oldest_seconds) })}</strong></p>
          <p>{t('What came last: {error}. Look at the receiver. More than {limit} waiting, or older than webhook.maxAge, are given up.',
                { error: row.last_error || '–', limit: count(status.backlog_max) })}</p>
        </div>
      ))}
      {!config.enabled && (
        <Empty what={t('No webhook is configured.')}>{t('Set webhook.httpAddr or webhook.grpcAddr, and reload.')}</Empty>
      )}
      <section class="listing after" aria-label={t('Events')}>
        <Rows<EventRow>
          caption={t('Events')} items={status.events} keyOf={(one) => one.event}
          columns={[
            { name: t('Event'), cell: (one) => <span class="mono">{one.event}</span> },
            { name: t('Waiting'), number: true, cell: (one) => count(one.backlog) },
            { name: t('Oldest'), number: true, cell: (one) => (one.backlog === 0 ? '–' : span(one.oldest_seconds)) },
            { name: t('Told'), number: true, cell: (one) => count(one.sent) },
            { name: t('Failed attempts'), number: true, cell: (one) => count(one.failed_attempts) },
            { name: t('Given up'), number: true,
              cell: (one) => (one.given_up === 0 ? '0' : <Tag kind="bad">{count(one.given_up)}</Tag>) },
            { name: t('Last error'), cell: (one) => (one.last_error === '' ? t('none') : (
              <div>
                <span class="mono">{one.last_error}</span>
                <span class="hint block-line">{time(one.last_error_at_ms / 1000)}</span>
              </div>
            )) },
          ]} />
      </section>
      <DeadLetters version={version} told={told} />
      {config.enabled && (
        <section class="panel after" aria-label={t('Configuration')}>
          <h2>{t('Configuration')}</h2>
          <Facts rows={[
            [t('Address'), <span key="address" class="mono">{config.http_addr || config.grpc_addr}</span>],
            [t('Events that are told'), config.focus_events.join(', ') || t('all')],
            [t('Requests at a time'), config.workers],
            [t('Time for an answer'), config.request_timeout],
            [t('Messages in a request'), count(config.msg_notify_batch_max_items)],
            [t('Longest wait for more'), config.msg_notify_batch_max_wait],
            [t('Most that may wait'), count(config.queue_size)],
          ]} />
        </section>
      )}
    </>
  );
}
