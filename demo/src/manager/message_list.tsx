// The messages of a channel, the newest first.
import { translator } from '../language';
import { payloadLine, time } from './format';
import { linkTo } from './hooks';
import { Listing, pageOf, type ServerPage } from './listing';
import { call } from './session';
import { Empty } from './states';
import { kCommon } from './words';

const t = translator({
  ...kCommon,
  'Messages, the newest first': '消息，最新的在前',
  'Sender': '发送者',
  'Content': '内容',
  'system': '系统',
  'There is no message here.': '这里没有消息。',
  'None was sent, or they were deleted or have expired.': '从未发送过，或已被删除、已过期。',
});

export interface Message {
  message_id: string;
  message_seq: number;
  client_msg_no: string;
  channel_id: string;
  channel_type: number;
  from_uid: string;
  timestamp: number;
  payload: string;
}

export function messageLink(message: Message): string {
  return linkTo(['messages'], { channel_id: message.channel_id,
                                channel_type: String(message.channel_type),
                                message_seq: String(message.message_seq) });
}

export function MessageList(props: { id: string; type: number }) {
  return (
    <Listing<Message>
      of={`messages ${props.type} ${props.id}`} caption={t('Messages, the newest first')}
      load={async (cursor, signal) => pageOf(await call<ServerPage<Message>>('/manager/messages', {
        query: { channel_id: props.id, channel_type: props.type, cursor, limit: 20 }, signal,
      }))}
      keyOf={(one) => one.message_id}
      columns={[
        { name: 'seq', number: true,
          cell: (one) => <a href={messageLink(one)}>{one.message_seq}</a> },
        { name: t('Sender'), cell: (one) => one.from_uid || t('system') },
        { name: t('Content'), cell: (one) => payloadLine(one.payload).slice(0, 300) },
        { name: t('Time'), cell: (one) => time(one.timestamp) },
      ]}
      empty={<Empty what={t('There is no message here.')}>{t('None was sent, or they were deleted or have expired.')}</Empty>} />
  );
}
