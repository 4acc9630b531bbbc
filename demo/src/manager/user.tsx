// One user: devices, connections, conversations; a ban, and the end of all sessions.
import { useState } from 'preact/hooks';

import { translator } from '../language';
import { type Flags } from './channels';
import { Kick, type Connz } from './connections';
import { count, deviceName, payloadLine, time, typeName } from './format';
import { linkTo, useLoaded } from './hooks';
import { Listing, pageOf, Rows, type ServerPage } from './listing';
import type { Message } from './message_list';
import { call, ServerError } from './session';
import { Action, Empty, Head, Loading, Notice, Problem, Rights, Tag } from './states';
import { kCommon } from './words';

const t = translator({
  ...kCommon,
  'banned': '已封禁',
  'system account': '系统账号',
  'may not send': '不能发送',
  'Ban': '封禁',
  'Lift the ban': '解除封禁',
  'Ban {uid}?': '封禁 {uid}？',
  'Lift the ban of {uid}?': '解除对 {uid} 的封禁？',
  'Sessions end at once. Nobody can send to the user, nor the user to anybody, until the ban is lifted.':
    '会话立即结束。解除之前，任何人都不能向其发送，其也不能发送。',
  'The user can sign in, send and receive again.': '用户可以重新登录、发送和接收。',
  '{uid} is banned now.': '{uid} 已被封禁。',
  'The ban of {uid} is lifted.': '{uid} 已解除封禁。',
  'Quit devices': '退出设备',
  'Quit all devices of {uid}?': '退出 {uid} 的所有设备？',
  'Tokens become worthless, and sessions end at once. A new token opens a device again.':
    '令牌失效，会话立即结束。新令牌可重新启用设备。',
  'The devices of {uid} have quit.': '{uid} 的设备已退出。',
  'Own lists and messages': '名单与消息',
  'Devices': '设备',
  'Level': '级别',
  'master': '主',
  'slave': '从',
  'Token': '令牌',
  'there is one': '有',
  'Sessions': '会话数',
  'No device was registered, and none is online.': '没有注册设备，也没有在线设备。',
  'A device is registered with POST /user/token.': '设备通过 POST /user/token 注册。',
  'Connections to this node': '到此节点的连接',
  'Transport': '传输',
  'Address': '地址',
  'Since': '开始时间',
  'Not connected here.': '未连接到此节点。',
  'Conversations': '会话',
  'Conversations, the newest first': '会话，最新的在前',
  'Unread': '未读',
  'Last message': '最后一条消息',
  'No conversation.': '没有会话。',
  'Nothing is stored of this user, who is not online either.': '没有存储此用户的任何信息，且其不在线。',
  'Look whether the uid is right, letter by letter.': '请逐字符检查 uid 是否正确。',
  '{uid} is told to go.': '已通知 {uid} 下线。',
});

interface Device {
  device_flag: number;
  device_level: number;
  token_set: number;
  online: number;
  session_count: number;
}

interface Info {
  banned: number;
  system_account: number;
  online: number;
  devices: Device[];
  connections: Connz[];
}

interface Conversation {
  channel_id: string;
  channel_type: number;
  unread: number;
  timestamp: number;
  last_msg_seq: number;
  recent_messages: Message[];
}

const kNoFlags: Flags = { large: 0, ban: 0, disband: 0, send_ban: 0, allow_stranger: 0 };

// The flags of a user are those of the channel of type 1 that has their uid.
async function flagsOf(uid: string): Promise<Flags> {
  try {
    const { large, ban, disband, send_ban, allow_stranger } = await call<Flags>(
      '/channel/info', { query: { channel_id: uid, channel_type: 1 } });
    return { large, ban, disband, send_ban, allow_stranger };
  } catch (error) {
    if (error instanceof ServerError && error.status === 404) return kNoFlags;
    throw error;
  }
}

function Conversations(props: { uid: string }) {
  return (
    <section class="panel" aria-label={t('Conversations')}>
      <h2>{t('Conversations')}</h2>
      <Listing<Conversation>
        of={`conversations ${props.uid}`} caption={t('Conversations, the newest first')}
        load={async (cursor, signal) => pageOf(await call<ServerPage<Conversation>>(
          '/manager/conversations', { query: { uid: props.uid, cursor, limit: 50 }, signal }))}
        keyOf={(one) => `${one.channel_type} ${one.channel_id}`}
        columns={[
          { name: t('Channel'), cell: (one) => (
            <a href={one.channel_type === 1 ? linkTo(['users', one.channel_id])
              : linkTo(['channels', one.channel_type, one.channel_id])}>{one.channel_id}</a>
          ) },
          { name: t('Type'), cell: (one) => typeName(one.channel_type) },
          { name: t('Unread'), number: true, cell: (one) => count(one.unread) },
          { name: t('Last message'), cell: (one) => (
            one.recent_messages.length === 0 ? '' : payloadLine(one.recent_messages[0].payload).slice(0, 200)
          ) },
          { name: t('Time'), cell: (one) => time(one.timestamp) },
        ]}
        empty={<Empty what={t('No conversation.')} />} />
    </section>
  );
}

export function UserView(props: { uid: string }) {
  const { uid } = props;
  const [notice, setNotice] = useState('');
  const info = useLoaded(`user ${uid}`, (signal) => call<Info>(
    '/user/info', { query: { uid }, signal }));
  const changed = (text: string) => {
    setNotice(text);
    info.reload();
  };
  const ban = (value: number) => async () => {
    await call('/channel/info', {
      body: { ...await flagsOf(uid), channel_id: uid, channel_type: 1, ban: value },
    });
  };
  const shown = info.value;
  const unknown = info.error?.status === 404;
  return (
    <>
      <Head title={uid} back={[t('Users'), linkTo(['users'])]}>
        {(shown !== null || unknown) && (
          <>
            <a href={linkTo(['channels', 1, uid])}>{t('Own lists and messages')}</a>
            {shown?.banned ? (
              <Action label={t('Lift the ban')} title={t('Lift the ban of {uid}?', { uid })}
                      resource="channel" run={ban(0)}
                      done={() => changed(t('The ban of {uid} is lifted.', { uid }))}>
                <p>{t('The user can sign in, send and receive again.')}</p>
              </Action>
            ) : (
              <Action label={t('Ban')} title={t('Ban {uid}?', { uid })} kind="danger"
                      resource="channel" run={ban(1)}
                      done={() => changed(t('{uid} is banned now.', { uid }))}>
                <p>{t('Sessions end at once. Nobody can send to the user, nor the user to anybody, until the ban is lifted.')}</p>
              </Action>
            )}
            <Action label={t('Quit devices')} title={t('Quit all devices of {uid}?', { uid })}
                    kind="danger" resource="user"
                    run={async () => {
                      await call('/user/device_quit', { body: { uid, device_flag: -1 } });
                    }}
                    done={() => changed(t('The devices of {uid} have quit.', { uid }))}>
              <p>{t('Tokens become worthless, and sessions end at once. A new token opens a device again.')}</p>
            </Action>
          </>
        )}
      </Head>
      <Rights resources={['channel', 'user', 'conn']} />
      <Notice text={notice} />
      {shown === null && info.error === null && <Loading />}
      {unknown && (
        <Empty what={t('Nothing is stored of this user, who is not online either.')}>{t('Look whether the uid is right, letter by letter.')}</Empty>
      )}
      {info.error !== null && !unknown && <Problem error={info.error} retry={info.reload} />}
      {shown !== null && !unknown && (
        <>
          <p class="row wrap states">
            {shown.online !== 0 ? <Tag kind="good">{t('online')}</Tag> : <Tag>{t('offline')}</Tag>}
            {shown.banned !== 0 && <Tag kind="bad">{t('banned')}</Tag>}
            {shown.system_account !== 0 && <Tag kind="warn">{t('system account')}</Tag>}
          </p>
          <section class="panel listing" aria-label={t('Devices')}>
            <h2>{t('Devices')}</h2>
            {shown.devices.length === 0 ? (
              <Empty what={t('No device was registered, and none is online.')}>{t('A device is registered with POST /user/token.')}</Empty>
            ) : (
              <Rows<Device>
                caption={t('Devices')} items={shown.devices} keyOf={(one) => String(one.device_flag)}
                columns={[
                  { name: t('Device'), cell: (one) => deviceName(one.device_flag) },
                  { name: t('Level'), cell: (one) => (one.device_level === 1 ? t('master') : t('slave')) },
                  { name: t('Token'), cell: (one) => (one.token_set !== 0 ? t('there is one') : t('none')) },
                  { name: t('Sessions'), number: true, cell: (one) => one.session_count },
                ]} />
            )}
          </section>
          <section class="panel listing" aria-label={t('Connections to this node')}>
            <h2>{t('Connections to this node')}</h2>
            {shown.connections.length === 0 ? <Empty what={t('Not connected here.')} /> : (
              <Rows<Connz>
                caption={t('Connections to this node')} items={shown.connections}
                keyOf={(one) => String(one.id)}
                columns={[
                  { name: t('Device'), cell: (one) => `${one.device} ${one.device_id}` },
                  { name: t('Transport'), cell: (one) => one.transport },
                  { name: t('Address'), cell: (one) => <span class="mono">{one.ip}:{one.port}</span> },
                  { name: t('Since'), cell: (one) => time(Date.parse(one.start) / 1000) },
                  { name: t('Actions'), cell: (one) => (
                    <Kick id={one.id} uid={uid}
                          done={() => changed(t('{uid} is told to go.', { uid }))} />
                  ) },
                ]} />
            )}
          </section>
          <Conversations uid={uid} />
        </>
      )}
    </>
  );
}
