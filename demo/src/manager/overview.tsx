// How the server does, live: rates over the last seconds, what waits, what there is room for.
import type { ComponentChildren } from 'preact';
import { useRef } from 'preact/hooks';

import { translator } from '../language';
import { bytes, count, duration, span } from './format';
import { useLoaded } from './hooks';
import { type Labels, Metrics, observed, quantile } from './metrics';
import { problemOf, request } from './session';
import { Facts, Head, Loading, Problem, Tag } from './states';
import { kCommon } from './words';

const t = translator({
  ...kCommon,
  'Every {seconds} seconds, of this node.': '每 {seconds} 秒更新，仅此节点。',
  'Health': '健康状态',
  'Healthy': '健康',
  'Not usable': '不可用',
  'Sends are accepted.': '正在接受发送。',
  'Sends are not accepted at the moment.': '目前不接受发送。',
  'Messages stored': '已存储消息',
  'Deliveries': '投递',
  'Refusals': '拒绝',
  '{rate} a second': '每秒 {rate}',
  '{total} since the start': '启动以来 {total}',
  'Sessions': '会话',
  '{count} connections, room for {limit}': '{count} 个连接，上限 {limit}',
  'Latency': '延迟',
  'of the last {time}': '最近 {time}',
  'since the start': '启动以来',
  'Commit to disk': '写入磁盘',
  'Requests that send': '发送请求',
  'Half of them': '50%',
  '95 of 100': '95%',
  '99 of 100': '99%',
  'nothing yet': '尚无数据',
  'Percentiles of the time until a commit is durable and until a request that sends is answered':
    '提交持久化耗时和发送请求应答耗时的分位数',
  'Disk': '磁盘',
  'Memory': '内存',
  '{free} free of {size}': '可用 {free}，共 {size}',
  '{used} of {limit}': '{used} / {limit}',
  'Tables of the store: {size}': '存储表文件：{size}',
  'What waits': '排队情况',
  'Messages in flight': '处理中的消息',
  'Their bytes': '其字节数',
  'Fan-out of the fullest thread': '最满线程的扇出队列',
  'Reads of the store': '存储读取',
  'The server': '服务器',
  'Version': '版本',
  'Up for': '已运行',
  'Processor': '处理器',
  '{percent}% of one core': '单核的 {percent}%',
  'Open files': '打开的文件',
  'Jobs that are sent': '发送中的任务',
  'Webhook backlog': 'Webhook 积压',
  'Newest backup': '最新备份',
  '{span} ago': '{span}前',
  'by reason': '按原因',
  'reason {reason}': '原因码 {reason}',
  'Rate over the last minutes': '最近几分钟的速率',
});

const kInterval = 2000;
// Two minutes of them.
const kSamples = 60;
const kSends: Labels[] = [{ route: '/message/send' }, { route: '/message/sendbatch' }];

interface Health {
  ok: boolean;
  reason: string;
  warnings: string[];
}

interface Sample {
  at: number; // seconds by the clock of the server
  metrics: Metrics;
}

async function load(signal: AbortSignal): Promise<{ sample: Sample; health: Health }> {
  const [scraped, looked] = await Promise.all([
    request('/metrics', { signal }), request('/health', { signal }),
  ]);
  if (!scraped.ok) throw await problemOf(scraped);
  const metrics = new Metrics(await scraped.text());
  const health = await looked.json() as { message?: string; warnings?: string[] };
  return {
    sample: { at: metrics.sum('jindou_clock_seconds'), metrics },
    health: { ok: looked.ok, reason: health.message ?? '', warnings: health.warnings ?? [] },
  };
}

// Of a counter, between each two samples that follow each other.
function rates(samples: Sample[], of: (metrics: Metrics) => number): number[] {
  return samples.slice(1).map((sample, i) => {
    const before = samples[i];
    return Math.max(0, of(sample.metrics) - of(before.metrics))
      / Math.max(0.001, sample.at - before.at);
  });
}

function Line(props: { values: number[] }) {
  const top = Math.max(1, ...props.values);
  const points = props.values.map((value, i) => {
    const x = (kSamples - 1 - props.values.length + i) * (100 / (kSamples - 2));
    return `${x.toFixed(1)},${(23 - 22 * value / top).toFixed(1)}`;
  });
  return (
    <svg class="line" viewBox="0 0 100 24" preserveAspectRatio="none" role="img"
         aria-label={t('Rate over the last minutes')}>
      {points.length > 1 && <polyline points={points.join(' ')} />}
    </svg>
  );
}

function Tile(props: { name: string; id: string; value: ComponentChildren; more?: ComponentChildren;
                       children?: ComponentChildren }) {
  return (
    <section class="tile" data-tile={props.id} aria-label={props.name}>
      <h2>{props.name}</h2>
      <p class="big">{props.value}</p>
      {props.children}
      {props.more && <p class="hint">{props.more}</p>}
    </section>
  );
}

function Meter(props: { name: string; used: number; limit: number }) {
  const share = props.limit > 0 ? Math.min(1, props.used / props.limit) : 0;
  return (
    <meter aria-label={props.name} min={0} max={1} low={0.7} high={0.9} optimum={0} value={share} />
  );
}

function Counter(props: { name: string; id: string; samples: Sample[]; metric: string;
                          children?: ComponentChildren }) {
  const of = (metrics: Metrics) => metrics.sum(props.metric);
  const seen = rates(props.samples, of);
  const now = props.samples[props.samples.length - 1];
  // Of the last three looks: one alone is too few for a number that people read.
  const recent = seen.slice(-3);
  const rate = recent.length === 0 ? 0 : recent.reduce((a, b) => a + b, 0) / recent.length;
  return (
    <Tile name={props.name} id={props.id} value={t('{rate} a second', { rate: count(rate) })}
          more={<>{t('{total} since the start', { total: count(of(now.metrics)) })}{props.children}</>}>
      <Line values={seen} />
    </Tile>
  );
}

function Latency(props: { samples: Sample[] }) {
  const first = props.samples[0];
  const now = props.samples[props.samples.length - 1];
  const rows: [string, string, Labels[]][] = [
    [t('Commit to disk'), 'jindou_commit_seconds', [{}]],
    [t('Requests that send'), 'jindou_http_request_seconds', kSends],
  ];
  const merged = (metrics: Metrics, name: string, labels: Labels[]) => {
    const sums = new Map<number, number>();
    for (const one of labels) {
      for (const [bound, sum] of metrics.buckets(name, one)) {
        sums.set(bound, (sums.get(bound) ?? 0) + sum);
      }
    }
    return [...sums].sort((a, b) => a[0] - b[0]);
  };
  return (
    <section class="tile wide" aria-label={t('Latency')} data-tile="latency">
      <h2>{t('Latency')}</h2>
      <table class="plain" aria-label={t('Percentiles of the time until a commit is durable and until a request that sends is answered')}>
        <thead>
          <tr>
            <td />
            {[t('Half of them'), t('95 of 100'), t('99 of 100')].map((name) => (
              <th key={name} scope="col" class="number">{name}</th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map(([name, metric, labels]) => {
            const all = merged(now.metrics, metric, labels);
            const lately = observed(all, merged(first.metrics, metric, labels));
            const quiet = quantile(lately, 0.5) === null;
            const shown = quiet ? all : lately;
            return (
              <tr key={metric} data-latency={metric}>
                <th scope="row">
                  {name}
                  <span class="hint">
                    {quantile(shown, 0.5) === null ? t('nothing yet')
                      : quiet ? t('since the start')
                        : t('of the last {time}', { time: span(now.at - first.at) })}
                  </span>
                </th>
                {[0.5, 0.95, 0.99].map((share) => {
                  const value = quantile(shown, share);
                  return (
                    <td key={share} class="number">{value === null ? '–' : duration(value)}</td>
                  );
                })}
              </tr>
            );
          })}
        </tbody>
      </table>
    </section>
  );
}

export function Overview() {
  const samples = useRef<Sample[]>([]);
  const live = useLoaded('overview', async (signal) => {
    const loaded = await load(signal);
    const before = samples.current[samples.current.length - 1];
    // Counters begin anew when the server does.
    const restarted = before !== undefined
      && before.metrics.sum('process_start_time_seconds')
        !== loaded.sample.metrics.sum('process_start_time_seconds');
    samples.current = [...(restarted ? [] : samples.current), loaded.sample].slice(-kSamples);
    return { ...loaded, samples: samples.current };
  }, kInterval);
  const head = (
    <Head title={t('Overview')} text={t('Every {seconds} seconds, of this node.',
                                        { seconds: kInterval / 1000 })} />
  );
  if (live.value === null) {
    return <>{head}{live.error ? <Problem error={live.error} retry={live.reload} /> : <Loading />}</>;
  }
  const { health, samples: seen } = live.value;
  const { at, metrics } = live.value.sample;
  const sum = (name: string, labels?: Labels) => metrics.sum(name, labels);
  const before = seen[Math.max(0, seen.length - 4)];
  const cpu = 100 * (sum('process_cpu_seconds_total')
    - before.metrics.sum('process_cpu_seconds_total')) / Math.max(0.001, at - before.at);
  const backup = sum('jindou_backup_last_timestamp_seconds');
  const refused = metrics.values('jindou_send_refused_total', 'reason')
    .map((reason) => [reason, sum('jindou_send_refused_total', { reason })] as const)
    .filter(([, times]) => times > 0);
  const disk = sum('jindou_disk_size_bytes');
  const free = sum('jindou_disk_free_bytes');
  const memory = sum('process_resident_memory_bytes');
  const limit = sum('jindou_memory_limit_bytes');
  const queues: [string, number, number, (value: number) => string][] = [
    [t('Messages in flight'), sum('jindou_items_in_flight'), sum('jindou_items_in_flight_limit'),
     count],
    [t('Their bytes'), sum('jindou_bytes_in_flight'), sum('jindou_bytes_in_flight_limit'), bytes],
    [t('Fan-out of the fullest thread'), sum('jindou_fanout_queue_fullest_bytes'),
     sum('jindou_fanout_queue_limit_bytes'), bytes],
    [t('Reads of the store'), sum('jindou_reads_waiting'), sum('jindou_reads_waiting_limit'), count],
  ];
  return (
    <>
      {head}
      {live.error && <Problem error={live.error} />}
      <div class="tiles">
        <section class={`tile wide health ${health.ok ? 'good' : 'bad'}`} data-tile="health"
                 aria-label={t('Health')}>
          <h2>{t('Health')}</h2>
          <p class="big">{health.ok ? t('Healthy') : t('Not usable')}</p>
          {health.reason && <p><strong>{health.reason}</strong></p>}
          {health.warnings.map((warning) => <p key={warning} class="warning">{warning}</p>)}
          <p class="hint">{sum('jindou_ready') === 1 ? t('Sends are accepted.')
            : t('Sends are not accepted at the moment.')}</p>
        </section>
        <Counter name={t('Messages stored')} id="stored" samples={seen}
                 metric="jindou_messages_stored_total" />
        <Counter name={t('Deliveries')} id="deliveries" samples={seen}
                 metric="jindou_deliveries_total" />
        <Counter name={t('Refusals')} id="refusals" samples={seen}
                 metric="jindou_send_refused_total">
          {refused.map(([reason, times]) => (
            <span key={reason} class="piece"><Tag>{t('reason {reason}', { reason })}: {count(times)}</Tag></span>
          ))}
        </Counter>
        <Tile name={t('Sessions')} id="sessions" value={count(sum('jindou_sessions'))}
              more={t('{count} connections, room for {limit}', {
                count: count(sum('jindou_connections')), limit: count(sum('jindou_connections_limit')),
              })}>
          <p class="row wrap">
            {metrics.values('jindou_sessions', 'transport').map((transport) => (
              <Tag key={transport}>
                {transport} {count(sum('jindou_sessions', { transport }))}
              </Tag>
            ))}
          </p>
        </Tile>
        <Tile name={t('Disk')} id="disk"
              value={t('{free} free of {size}', { free: bytes(free), size: bytes(disk) })}
              more={t('Tables of the store: {size}', { size: bytes(sum('jindou_rocksdb_table_bytes')) })}>
          <Meter name={t('Disk')} used={disk - free} limit={disk} />
        </Tile>
        <Tile name={t('Memory')} id="memory"
              value={t('{used} of {limit}', { used: bytes(memory), limit: bytes(limit) })}>
          <Meter name={t('Memory')} used={memory} limit={limit} />
        </Tile>
        <Latency samples={seen} />
        <section class="tile wide" aria-label={t('What waits')} data-tile="queues">
          <h2>{t('What waits')}</h2>
          <ul class="queues" role="list">
            {queues.map(([name, used, most, shown]) => (
              <li key={name}>
                <span>{name}</span>
                <Meter name={name} used={used} limit={most} />
                <span class="hint">{t('{used} of {limit}', { used: shown(used), limit: shown(most) })}</span>
              </li>
            ))}
          </ul>
        </section>
        <section class="tile wide" aria-label={t('The server')} data-tile="server">
          <h2>{t('The server')}</h2>
          <Facts rows={[
            [t('Version'), metrics.values('jindou_build_info', 'version').join(', ')],
            [t('Up for'), span(at - sum('process_start_time_seconds'))],
            [t('Processor'), t('{percent}% of one core', { percent: count(Math.max(0, cpu)) })],
            [t('Open files'), t('{used} of {limit}', { used: count(sum('process_open_fds')),
                                                       limit: count(sum('process_max_fds')) })],
            [t('Jobs that are sent'), count(sum('jindou_jobs_running'))],
            [t('Webhook backlog'), count(sum('jindou_webhook_backlog'))],
            [t('Newest backup'), backup === 0 ? t('never') : t('{span} ago', { span: span(at - backup) })],
          ]} />
        </section>
      </div>
    </>
  );
}
