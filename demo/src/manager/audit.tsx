// The last lines of the audit log: who did what, and who was refused.
import { useState } from 'preact/hooks';

import { translator } from '../language';
import { Field } from '../widgets';
import { time } from './format';
import { go, linkTo, type Place } from './hooks';
import { Listing, pageOf, type ServerPage } from './listing';
import { call } from './session';
import { Empty, Head, Tag } from './states';
import { kCommon } from './words';

const t = translator({
  ...kCommon,
  'Who changed what over HTTP, who signed in and who was refused; the newest first.':
    '谁通过 HTTP 改了什么、谁登录、谁被拒绝；最新的在前。',
  'These are the last lines of this node ({node}), from its memory; they end with its process. What lasts is the log file: {file}':
    '这些是此节点（{node}）最近的行，来自其内存，随进程结束而消失。长久保存的是日志文件：{file}',
  'These are the last lines of this node ({node}), from its memory; they end with its process. What lasts is the log of the server (component audit), or a file of its own with audit.file.':
    '这些是此节点（{node}）最近的行，来自其内存，随进程结束而消失。长久保存的是服务器日志（component audit），或用 audit.file 指定的文件。',
  'The audit log is switched off.': '审计日志已关闭。',
  'Set audit.on: true, and reload.': '设置 audit.on: true，然后重新加载配置。',
  'Event': '事件',
  'All events': '全部事件',
  'What': '内容',
  'Who': '谁',
  'Outcome': '结果',
  'Details': '详情',
  '{count} refusals before it have no line': '此前有 {count} 次拒绝没有行',
  'There is no such line.': '没有这样的行。',
  'Older ones are in the log; audit.recentBytes says how much is kept here.':
    '更早的在日志中；此处保留多少由 audit.recentBytes 决定。',
});

const kEvents = ['login', 'login_failed', 'unauthorized', 'denied', 'change', 'reload', 'start', 'stop'];
const kRefusals = ['login_failed', 'unauthorized', 'denied'];
const kPage = 50;

interface Line {
  id: number;
  time: string;
  event: string;
  action?: string;
  outcome?: string;
  cause?: string;
  by?: string;
  who?: string;
  address?: string;
  target?: string;
  with?: Record<string, unknown>;
  left_out?: number;
}

interface About {
  on: boolean;
  file: string;
  node_id: number;
}

function whose(about: About): string {
  const node = about.node_id;
  return about.file === ''
    ? t('These are the last lines of this node ({node}), from its memory; they end with its process. What lasts is the log of the server (component audit), or a file of its own with audit.file.', { node })
    : t('These are the last lines of this node ({node}), from its memory; they end with its process. What lasts is the log file: {file}', { node, file: about.file });
}

export function Audit(props: { place: Place }) {
  const asked = props.place.query.get('event') ?? '';
  const event = kEvents.includes(asked) ? asked : '';
  const [about, setAbout] = useState<About | null>(null);
  return (
    <>
      <Head title={t('Audit log')} text={t('Who changed what over HTTP, who signed in and who was refused; the newest first.')} />
      {about !== null && <p class="hint rights">{whose(about)}</p>}
      <div class="filters">
        <Field label={t('Event')}>
          <select value={event}
                  onChange={(change) => go(linkTo(['audit'], { event: change.currentTarget.value }))}>
            <option value="">{t('All events')}</option>
            {kEvents.map((one) => <option key={one} value={one}>{one}</option>)}
          </select>
        </Field>
      </div>
      <Listing<Line>
        of={`audit ${event}`} caption={t('Audit log')}
        load={async (cursor, signal) => {
          const page = await call<ServerPage<Line> & About>(
            '/manager/audit', { query: { event, cursor, limit: kPage }, signal });
          setAbout({ on: page.on, file: page.file, node_id: page.node_id });
          return pageOf(page);
        }}
        keyOf={(one) => String(one.id)}
        columns={[
          { name: t('Time'), cell: (one) => (
            <span class="nowrap">{time(Date.parse(one.time) / 1000)}</span>
          ) },
          { name: t('Event'), cell: (one) => (
            <Tag kind={kRefusals.includes(one.event) ? 'warn' : undefined}>{one.event}</Tag>
          ) },
          { name: t('Who'), cell: (one) => (
            <div class="address">
              {one.who ?? ''} {one.by && <span class="hint nowrap">{one.by}</span>}
              {one.address && <span class="hint mono block-line">{one.address}</span>}
            </div>
          ) },
          { name: t('What'), cell: (one) => (
            <div class="mono deed">
              {one.action}
              {one.target && <span class="block-line">{one.target}</span>}
            </div>
          ) },
          { name: t('Outcome'), cell: (one) => one.outcome && (
            <Tag kind={one.outcome === 'ok' ? 'good' : 'bad'}>
              {one.cause ? `${one.outcome}: ${one.cause}` : one.outcome}
            </Tag>
          ) },
          { name: t('Details'), cell: (one) => (
            <div>
              {one.with && <span class="mono">{JSON.stringify(one.with).slice(0, 400)}</span>}
              {one.left_out && <span class="hint block-line">{t('{count} refusals before it have no line', { count: one.left_out })}</span>}
            </div>
          ) },
        ]}
        empty={about?.on === false
          ? <Empty what={t('The audit log is switched off.')}>{t('Set audit.on: true, and reload.')}</Empty>
          : <Empty what={t('There is no such line.')}>{t('Older ones are in the log; audit.recentBytes says how much is kept here.')}</Empty>} />
    </>
  );
}
