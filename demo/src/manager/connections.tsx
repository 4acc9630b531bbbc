// The connections of clients to this node: all of them, or those whose uid has a text in it.
import { useEffect, useState } from 'preact/hooks';

import { translator } from '../language';
import { Field } from '../widgets';
import { time } from './format';
import { go, linkTo, type Place } from './hooks';
import { Listing, pageOf, type ServerPage } from './listing';
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
});

interface Connection {
  session_id: number;
  uid: string;
  device_flag: string;
  device_level: string;
  device_id: string;
  listener: string;
  remote_addr: string;
  connected_at: string;
}

// As GET /user/info has them.
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
      <Listing<Connection>
        of={`connections ${part}`} version={version} caption={t('Connections')}
        load={async (cursor, signal) => pageOf(await call<ServerPage<Connection>>(
          '/manager/connections', { query: { uid: part, cursor, limit: 50 }, signal }))}
        keyOf={(one) => String(one.session_id)}
        columns={[
          { name: t('User'), cell: (one) => <a href={linkTo(['users', one.uid])}>{one.uid}</a> },
          { name: t('Device'),
            cell: (one) => `${one.device_flag} (${one.device_level}) ${one.device_id}` },
          { name: t('Transport'), cell: (one) => one.listener },
          { name: t('Address'), cell: (one) => <span class="mono">{one.remote_addr}</span> },
          { name: t('Since'), cell: (one) => time(Date.parse(one.connected_at) / 1000) },
          { name: t('Number'), number: true, cell: (one) => one.session_id },
          { name: t('Actions'), cell: (one) => (
            <Kick id={one.session_id} uid={one.uid} done={() => {
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
