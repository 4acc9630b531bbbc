// The connections of clients to this node: all of them by cursor, or those whose uid has a text in
// it.
import { useEffect, useState } from 'preact/hooks';

import { translator } from '../language';
import { Field } from '../widgets';
import { time } from './format';
import { go, linkTo, type Place } from './hooks';
import { Listing, type Page, pageOf, type ServerPage } from './listing';
import { call } from './session';
import { Action, Empty, Head, Notice, Rights } from './states';
import { kCommon } from './words';

const t = translator({
  ...kCommon,
  'Of clients to this node, the oldest first.': '客户端到此节点的连接，最早的在前。',
  'The uid contains': 'uid 包含',
  'Number': '编号',
  'Transport': '传输',
  'Address': '地址',
  'Since': '开始时间',
  'Kick': '踢下线',
  'End {uid}’s connection?': '断开 {uid} 的连接？',
  'The client is told not to come back by itself, and its connection is closed after two seconds. Other devices of the user stay.':
    '客户端会被告知不要自动重连，两秒后断开。该用户的其他设备不受影响。',
  '{uid} is told to go.': '已通知 {uid} 下线。',
  'No client is connected.': '没有客户端连接。',
  'Look whether clients know the address: GET /route tells it.':
    '请确认客户端使用的地址：GET /route 会给出。',
  'No connection has this in its uid.': '没有 uid 包含此文本的连接。',
  'Of {total} that match, the first {shown}: type more of the uid.':
    '共 {total} 个匹配，显示前 {shown} 个：请输入更多字符。',
});

interface Connection {
  id: number;
  uid: string;
  device: string;
  device_id: string;
  transport: string;
  address: string;
  since: string;
}

interface Listed {
  session_id: number;
  uid: string;
  device_flag: string;
  device_level: string;
  device_id: string;
  listener: string;
  remote_addr: string;
  connected_at: string;
}

export interface Connz {
  id: number;
  uid: string;
  device: string;
  device_id: string;
  transport: string;
  ip: string;
  port: number;
  start: string;
}

// What a search shows at most.
const kFoundMax = 200;

function ofConnz(one: Connz): Connection {
  return { id: one.id, uid: one.uid, device: one.device, device_id: one.device_id,
           transport: one.transport, since: one.start,
           address: one.ip.includes(':') ? `[${one.ip}]:${one.port}` : `${one.ip}:${one.port}` };
}

async function listed(cursor: string, signal: AbortSignal): Promise<Page<Connection>> {
  const page = pageOf(await call<ServerPage<Listed>>(
    '/manager/connections', { query: { cursor, limit: 50 }, signal }));
  return { next: page.next, items: page.items.map((one) => ({
    id: one.session_id, uid: one.uid, device: `${one.device_flag} (${one.device_level})`,
    device_id: one.device_id, transport: one.listener, address: one.remote_addr,
    since: one.connected_at,
  })) };
}

export function Kick(props: { id: number; uid: string; done: () => void }) {
  return (
    <Action label={t('Kick')} describe={`${props.uid} ${props.id}`} small kind="danger"
            resource="conn" title={t('End {uid}’s connection?', { uid: props.uid })}
            run={async () => {
              await call('/conn/kick', { body: { uid: props.uid, conn_id: props.id } });
            }}
            done={props.done}>
      <p>{t('The client is told not to come back by itself, and its connection is closed after two seconds. Other devices of the user stay.')}</p>
    </Action>
  );
}

export function Connections(props: { place: Place }) {
  const part = props.place.query.get('uid') ?? '';
  const [typed, setTyped] = useState(part);
  const [version, setVersion] = useState(0);
  const [notice, setNotice] = useState('');
  const [more, setMore] = useState('');
  useEffect(() => setTyped(part), [part]);
  return (
    <>
      <Head title={t('Connections')} text={t('Of clients to this node, the oldest first.')} />
      <Rights resources={['conn']} />
      <form class="filters" role="search" onSubmit={(event) => {
        event.preventDefault();
        go(linkTo(['connections'], { uid: typed.trim() }));
      }}>
        <Field label={t('The uid contains')}>
          <input type="text" value={typed} spellcheck={false}
                 onInput={(event) => setTyped(event.currentTarget.value)} />
        </Field>
        <button type="submit">{t('Search')}</button>
      </form>
      <Notice text={notice} />
      {part !== '' && more !== '' && <p class="warning">{more}</p>}
      <Listing<Connection>
        of={`connections ${part}`} version={version} caption={t('Connections')}
        load={async (cursor, signal) => {
          if (part === '') return listed(cursor, signal);
          const found = await call<{ connections: Connz[]; total: number }>(
            '/connz', { query: { uid: part, limit: kFoundMax, sort: 'id' }, signal });
          setMore(found.total <= kFoundMax ? ''
            : t('Of {total} that match, the first {shown}: type more of the uid.',
                { total: found.total, shown: kFoundMax }));
          return { items: found.connections.map(ofConnz), next: null };
        }}
        keyOf={(one) => String(one.id)}
        columns={[
          { name: t('User'), cell: (one) => <a href={linkTo(['users', one.uid])}>{one.uid}</a> },
          { name: t('Device'), cell: (one) => `${one.device} ${one.device_id}` },
          { name: t('Transport'), cell: (one) => one.transport },
          { name: t('Address'), cell: (one) => <span class="mono">{one.address}</span> },
          { name: t('Since'), cell: (one) => time(Date.parse(one.since) / 1000) },
          { name: t('Number'), number: true, cell: (one) => one.id },
          { name: t('Actions'), cell: (one) => (
            <Kick id={one.id} uid={one.uid} done={() => {
              setNotice(t('{uid} is told to go.', { uid: one.uid }));
              setVersion(version + 1);
            }} />
          ) },
        ]}
        empty={part === ''
          ? <Empty what={t('No client is connected.')}>{t('Look whether clients know the address: GET /route tells it.')}</Empty>
          : <Empty what={t('No connection has this in its uid.')} />} />
    </>
  );
}
