// What the customer's systems are told: how far behind that is, and how it is configured.
import { translator } from '../language';
import { count, span } from './format';
import { useLoaded } from './hooks';
import { Rows } from './listing';
import { Metrics } from './metrics';
import { call, problemOf, request } from './session';
import { Empty, Facts, Head, Loading, Problem, Tag } from './states';
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
  'Look at the receiver; the log of the server has its answers. More than {limit} waiting, or older than webhook.maxAge, are given up.':
    '请检查接收方；服务器日志有其应答。等待超过 {limit} 条或早于 webhook.maxAge 的会被放弃。',
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
  oldest: number;
  sent: number;
  failed: number;
  dead: number;
}

// Waiting for longer than this while attempts fail is trouble.
const kLate = 60;

async function load(signal: AbortSignal): Promise<{ config: Config; rows: EventRow[]; limit: number }> {
  const [config, scraped] = await Promise.all([
    call<Config>('/manager/webhooks/config', { signal }), request('/metrics', { signal }),
  ]);
  if (!scraped.ok) throw await problemOf(scraped);
  const metrics = new Metrics(await scraped.text());
  return {
    config,
    limit: metrics.sum('jindou_webhook_backlog_limit'),
    rows: metrics.values('jindou_webhook_backlog', 'event').map((event) => ({
      event,
      backlog: metrics.sum('jindou_webhook_backlog', { event }),
      oldest: metrics.sum('jindou_webhook_oldest_seconds', { event }),
      sent: metrics.sum('jindou_webhook_sent_total', { event }),
      failed: metrics.sum('jindou_webhook_failed_attempts_total', { event }),
      dead: metrics.sum('jindou_webhook_dead_letters_total', { event }),
    })),
  };
}

export function Webhooks() {
  const loaded = useLoaded('webhooks', load, 3000);
  const head = <Head title={t('Webhooks')} text={t('What waits to be told, of this node; live.')} />;
  if (loaded.value === null) {
    return <>{head}{loaded.error ? <Problem error={loaded.error} retry={loaded.reload} /> : <Loading />}</>;
  }
  const { config, rows, limit } = loaded.value;
  const late = rows.filter((row) => row.backlog > 0 && row.oldest > kLate);
  return (
    <>
      {head}
      {loaded.error && <Problem error={loaded.error} />}
      {late.map((row) => (
        <div key={row.event} class="problem" role="alert">
          <p><strong>{t('The receiver does not take {event}: {failed} attempts failed, the oldest has been waiting for {span}.',
                        { event: row.event, failed: count(row.failed), span: span(row.oldest) })}</strong></p>
          <p>{t('Look at the receiver; the log of the server has its answers. More than {limit} waiting, or older than webhook.maxAge, are given up.',
                { limit: count(limit) })}</p>
        </div>
      ))}
      {!config.enabled && (
        <Empty what={t('No webhook is configured.')}>{t('Set webhook.httpAddr or webhook.grpcAddr, and reload.')}</Empty>
      )}
      <section class="listing after" aria-label={t('Events')}>
        <Rows<EventRow>
          caption={t('Events')} items={rows} keyOf={(one) => one.event}
          columns={[
            { name: t('Event'), cell: (one) => <span class="mono">{one.event}</span> },
            { name: t('Waiting'), number: true, cell: (one) => count(one.backlog) },
            { name: t('Oldest'), number: true, cell: (one) => (one.backlog === 0 ? '–' : span(one.oldest)) },
            { name: t('Told'), number: true, cell: (one) => count(one.sent) },
            { name: t('Failed attempts'), number: true, cell: (one) => count(one.failed) },
            { name: t('Given up'), number: true,
              cell: (one) => (one.dead === 0 ? '0' : <Tag kind="bad">{count(one.dead)}</Tag>) },
          ]} />
      </section>
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
