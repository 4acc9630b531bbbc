// Messages: found by id, by client_msg_no, or by their place in a channel; what became of one, its
// recall and its edit.
import { useEffect, useState } from 'preact/hooks';

import { translator } from '../language';
import { Field } from '../widgets';
import { TypeSelect } from './channels';
import { count, deviceName, payloadText, time, typeName } from './format';
import { go, linkTo, type Place, useLoaded } from './hooks';
import { type Message, MessageList } from './message_list';
import { call, ServerError } from './session';
import { Action, Empty, Facts, Head, Loading, Notice, Problem, Rights, Tag } from './states';
import { kCommon } from './words';

const t = translator({
  ...kCommon,
  'By message_id alone, or a channel with one of the other two; a channel alone lists what is in it.':
    '仅用 message_id，或频道加另外两项之一；仅填频道则列出其中的消息。',
  'Of a conversation of two: one@other.': '单聊填写：一方@另一方。',
  'Find': '查找',
  'Name a message or a channel.': '请填写消息或频道。',
  'Type a message_id, or a channel id.': '输入 message_id 或频道 id。',
  'No such message is there.': '没有这样的消息。',
  'It may have been deleted, or its time is over. Look whether the channel and its type are right.':
    '可能已被删除或已过期。请检查频道及其类型是否正确。',
  'Messages of {channel}': '{channel} 的消息',
  'Sender': '发送者',
  'system': '系统',
  'Content': '内容',
  'Its content is not there any more.': '其内容已不存在。',
  'Sent': '发送时间',
  'Durable since': '持久化时间',
  'Edited': '编辑',
  'version {version}, {time}': '版本 {version}，{time}',
  'Changes': '变更',
  'Receivers': '接收者',
  '{count}, of them {online} online': '{count} 个，其中 {online} 个在线',
  'Pushes from this node': '此节点的推送',
  '{devices} devices, {acknowledged} have acknowledged': '{devices} 个设备，{acknowledged} 个已确认',
  'remembered in part only': '仅记得一部分',
  'Batch': '批次',
  'What became of it': '处理过程',
  'Pushed to': '推送到',
  'not acknowledged': '未确认',
  'acknowledged {time}': '已确认 {time}',
  'The whole trace': '完整追踪',
  'Refused because': '拒绝原因',
  'It was refused and never stored.': '已被拒绝，从未存储。',
  'The trace is not to be had: {why}': '无法获得追踪：{why}',
  'Recall': '撤回',
  'Recall this message?': '撤回这条消息？',
  'Its content goes, for everybody and from the store; its place stays. Clients are told. This cannot be undone.':
    '内容将对所有人和存储清除，位置保留，并通知客户端。此操作不可撤销。',
  'The message is recalled.': '消息已撤回。',
  'Edit': '编辑',
  'Edit this message': '编辑这条消息',
  'New content': '新内容',
  'JSON or text. Somebody who edits at the same time is not overwritten.':
    'JSON 或文本。不会覆盖他人同时进行的编辑。',
  'The message is edited.': '消息已编辑。',
});

interface Trace {
  state: string;
  message_idstr: string;
  message_seq: number;
  channel_id: string;
  channel_type: number;
  committed_at?: number;
  from_uid?: string;
  client_msg_no?: string;
  timestamp?: number;
  edit_version?: number;
  edited_at?: number;
  batch_id?: string;
  changes?: { kind: string; at: number }[];
  receivers?: { count: number; online: number; error?: string };
  pushes?: {
    complete: number; devices: number; acknowledged: number;
    listed: { uid?: string; device_flag: number; device_id: string; pushed_at_ms: number;
              acknowledged_at_ms?: number }[];
  };
  webhook?: { msg_notify: string; msg_offline: string };
  reason?: number;
  msg?: string;
  refused_at_ms?: number;
  moderation?: { found_by: string[] };
}

interface Wanted {
  message_id: string;
  channel_id: string;
  channel_type: number;
  message_seq: string;
  client_msg_no: string;
}

interface Found {
  message: Message | null;
  trace: Trace | null;
  traceProblem: ServerError | null;
}

// As the lists name it: a conversation of two by both of them.
function storedId(trace: Trace): string {
  return trace.channel_type === 1 && !trace.channel_id.includes('@')
    ? `${trace.channel_id}@${trace.from_uid ?? ''}` : trace.channel_id;
}

async function contentOf(query: Record<string, string | number>, signal: AbortSignal): Promise<Message | null> {
  const page = await call<{ items: Message[] }>('/manager/messages', { query, signal });
  return page.items[0] ?? null;
}

// Null: there is no such message.
async function find(wanted: Wanted, signal: AbortSignal): Promise<Found | null> {
  if (wanted.message_id !== '') {
    let trace: Trace;
    try {
      trace = await call<Trace>('/message/trace', { query: { message_id: wanted.message_id }, signal });
    } catch (error) {
      if (error instanceof ServerError && error.status === 404) return null;
      throw error;
    }
    const message = trace.state !== 'stored' ? null : await contentOf(
      { channel_id: storedId(trace), channel_type: trace.channel_type,
        message_id: trace.message_idstr }, signal);
    return { message, trace, traceProblem: null };
  }
  const channel = { channel_id: wanted.channel_id, channel_type: wanted.channel_type };
  let message: Message | null = null;
  if (wanted.message_seq !== '') {
    const seq = Number(wanted.message_seq);
    const page = await call<{ data: Message[] }>('/cluster/messages', {
      query: { ...channel, offset_message_seq: seq + 1, limit: 1 }, signal,
    });
    message = page.data.find((one) => one.message_seq === seq) ?? null;
  } else {
    message = await contentOf({ ...channel, client_msg_no: wanted.client_msg_no }, signal);
  }
  if (message === null && wanted.message_seq !== '') return null;
  try {
    const trace = await call<Trace>('/message/trace', {
      query: message !== null ? { message_id: message.message_id }
        : { ...channel, client_msg_no: wanted.client_msg_no }, signal,
    });
    return { message, trace, traceProblem: null };
  } catch (error) {
    if (!(error instanceof ServerError)) throw error;
    return message === null && error.status === 404 ? null : { message, trace: null, traceProblem: error };
  }
}

// JSON as it is, anything else as its bytes.
function payloadOf(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null) return value;
  } catch {
    // No JSON.
  }
  let binary = '';
  for (const byte of new TextEncoder().encode(text)) binary += String.fromCharCode(byte);
  return btoa(binary);
}

function Edit(props: { id: string; version: number; payload: string; done: () => void }) {
  const [text, setText] = useState(payloadText(props.payload));
  useEffect(() => setText(payloadText(props.payload)), [props.payload]);
  return (
    <Action label={t('Edit')} title={t('Edit this message')} confirm={t('Save')} resource="message"
            wide
            run={async () => {
              await call('/message/edit', { body: { message_id: props.id, payload: payloadOf(text),
                                                    if_version: props.version } });
            }}
            done={props.done}>
      <Field label={t('New content')} hint={t('JSON or text. Somebody who edits at the same time is not overwritten.')}>
        <textarea value={text} spellcheck={false} rows={8}
                  onInput={(event) => setText(event.currentTarget.value)} />
      </Field>
    </Action>
  );
}

function TraceView(props: { trace: Trace }) {
  const { trace } = props;
  const pushes = trace.pushes;
  return (
    <section class="panel" aria-label={t('What became of it')}>
      <h2>{t('What became of it')}</h2>
      <Facts rows={[
        [t('State'), <Tag key="state" kind={trace.state === 'stored' ? 'good' : 'warn'}>{trace.state}</Tag>],
        ...(trace.state !== 'refused' ? [] : [
          [t('Refused because'), `${trace.msg ?? ''} (${trace.reason ?? 0})${
            trace.moderation === undefined ? '' : `: ${trace.moderation.found_by.join(', ')}`}`],
        ] as [string, string][]),
        [t('Durable since'), trace.committed_at ? time(trace.committed_at) : t('none')],
        [t('Edited'), trace.edit_version
          ? t('version {version}, {time}', { version: trace.edit_version, time: time(trace.edited_at ?? 0) })
          : t('never')],
        [t('Changes'), (trace.changes ?? []).map((one) => `${one.kind} (${time(one.at)})`).join(', ') || t('none')],
        [t('Receivers'), trace.receivers === undefined ? t('none')
          : trace.receivers.error ?? t('{count}, of them {online} online',
                                       { count: count(trace.receivers.count), online: count(trace.receivers.online) })],
        [t('Pushes from this node'), pushes === undefined ? t('none')
          : `${t('{devices} devices, {acknowledged} have acknowledged',
                 { devices: pushes.devices, acknowledged: pushes.acknowledged })}${
            pushes.complete === 0 ? ` (${t('remembered in part only')})` : ''}`],
        ['Webhook', trace.webhook === undefined ? t('none')
          : `msg.notify: ${trace.webhook.msg_notify}, msg.offline: ${trace.webhook.msg_offline}`],
        [t('Batch'), trace.batch_id === undefined ? t('none')
          : <a key="batch" href={linkTo(['jobs', trace.batch_id])}>{trace.batch_id}</a>],
      ]} />
      {pushes !== undefined && pushes.listed.length > 0 && (
        <>
          <h3 class="under">{t('Pushed to')}</h3>
          <ul class="plainlist" role="list">
            {pushes.listed.slice(0, 20).map((one) => (
              <li key={`${one.uid} ${one.device_flag} ${one.device_id}`}>
                {one.uid ?? '?'} · {deviceName(one.device_flag)} {one.device_id} · {one.acknowledged_at_ms
                  ? t('acknowledged {time}', { time: time(one.acknowledged_at_ms / 1000) })
                  : t('not acknowledged')}
              </li>
            ))}
          </ul>
        </>
      )}
      <details class="raw">
        <summary>{t('The whole trace')}</summary>
        <pre tabIndex={0}>{JSON.stringify(trace, null, 2)}</pre>
      </details>
    </section>
  );
}

function MessageView(props: { wanted: Wanted }) {
  const { wanted } = props;
  const [notice, setNotice] = useState('');
  const found = useLoaded(`message ${JSON.stringify(wanted)}`, (signal) => find(wanted, signal));
  if (found.error) return <Problem error={found.error} retry={found.reload} />;
  if (found.value === null) {
    return found.loading ? <Loading /> : (
      <Empty what={t('No such message is there.')}>{t('It may have been deleted, or its time is over. Look whether the channel and its type are right.')}</Empty>
    );
  }
  const { message, trace, traceProblem } = found.value;
  const id = message?.message_id ?? trace?.message_idstr ?? '';
  const channel = message?.channel_id ?? (trace === null ? '' : storedId(trace));
  const type = message?.channel_type ?? trace?.channel_type ?? 0;
  const sender = message?.from_uid ?? trace?.from_uid;
  const at = message?.timestamp ?? trace?.timestamp
    ?? (trace?.refused_at_ms === undefined ? undefined : trace.refused_at_ms / 1000);
  const changed = (text: string) => {
    setNotice(text);
    found.reload();
  };
  return (
    <>
      <Notice text={notice} />
      <section class="panel" aria-label={t('Content')} data-message={id}>
        <Facts rows={[
          ['message_id', <span key="id" class="mono">{id}</span>],
          ['message_seq', message?.message_seq ?? trace?.message_seq ?? 0],
          ['client_msg_no', <span key="no" class="mono">{message?.client_msg_no ?? trace?.client_msg_no}</span>],
          [t('Channel'), <a key="channel" href={linkTo(['channels', type, channel])}>{channel} ({typeName(type)})</a>],
          [t('Sender'), sender ? <a key="sender" href={linkTo(['users', sender])}>{sender}</a> : t('system')],
          [t('Sent'), at ? time(at) : t('none')],
        ]} />
        <h2 class="under">{t('Content')}</h2>
        {message === null ? <p class="hint">{trace?.state === 'refused'
          ? t('It was refused and never stored.') : t('Its content is not there any more.')}</p>
          : <pre tabIndex={0} aria-label={t('Content')}>{payloadText(message.payload)}</pre>}
        {message !== null && (
          <div class="row">
            <Edit id={id} version={trace?.edit_version ?? 0} payload={message.payload}
                  done={() => changed(t('The message is edited.'))} />
            <Action label={t('Recall')} title={t('Recall this message?')} kind="danger"
                    resource="message"
                    run={async () => {
                      await call('/message/recall', { body: { message_id: id } });
                    }}
                    done={() => changed(t('The message is recalled.'))}>
              <p>{t('Its content goes, for everybody and from the store; its place stays. Clients are told. This cannot be undone.')}</p>
            </Action>
          </div>
        )}
      </section>
      {traceProblem && (
        <p class="warning">{t('The trace is not to be had: {why}', { why: traceProblem.message })}</p>
      )}
      {trace && <TraceView trace={trace} />}
    </>
  );
}

export function Messages(props: { place: Place }) {
  const { query } = props.place;
  const asked: Wanted = {
    message_id: query.get('message_id') ?? '', channel_id: query.get('channel_id') ?? '',
    channel_type: Number(query.get('channel_type') ?? 2),
    message_seq: query.get('message_seq') ?? '', client_msg_no: query.get('client_msg_no') ?? '',
  };
  const [typed, setTyped] = useState(asked);
  const key = JSON.stringify(asked);
  useEffect(() => setTyped(asked), [key]);
  const text = (name: 'message_id' | 'channel_id' | 'message_seq' | 'client_msg_no', label: string,
                hint?: string) => (
    <Field label={label} hint={hint}>
      <input type="text" value={typed[name]} spellcheck={false}
             inputMode={name === 'message_id' || name === 'message_seq' ? 'numeric' : undefined}
             onInput={(event) => setTyped({ ...typed, [name]: event.currentTarget.value })} />
    </Field>
  );
  const one = asked.message_id !== ''
    || (asked.channel_id !== '' && (asked.message_seq !== '' || asked.client_msg_no !== ''));
  return (
    <>
      <Head title={t('Messages')} text={t('By message_id alone, or a channel with one of the other two; a channel alone lists what is in it.')} />
      <Rights resources={['message']} />
      <form class="panel form" role="search" onSubmit={(event) => {
        event.preventDefault();
        go(linkTo(['messages'], {
          message_id: typed.message_id.trim(), channel_id: typed.channel_id.trim(),
          channel_type: typed.channel_id.trim() === '' ? '' : String(typed.channel_type),
          message_seq: typed.message_seq.trim(), client_msg_no: typed.client_msg_no.trim(),
        }));
      }}>
        <div class="pair">{text('message_id', 'message_id')}</div>
        <div class="pair">
          {text('channel_id', t('Channel id'), t('Of a conversation of two: one@other.'))}
          <Field label={t('Channel type')}>
            <TypeSelect value={typed.channel_type}
                        onChange={(channel_type) => setTyped({ ...typed, channel_type })} />
          </Field>
        </div>
        <div class="pair">
          {text('message_seq', 'message_seq')}
          {text('client_msg_no', 'client_msg_no')}
        </div>
        <div class="row"><button type="submit" class="primary">{t('Find')}</button></div>
      </form>
      {one && <MessageView key={key} wanted={asked} />}
      {!one && asked.channel_id !== '' && (
        <section class="panel" aria-label={t('Messages of {channel}', { channel: asked.channel_id })}>
          <h2>{t('Messages of {channel}', { channel: asked.channel_id })}</h2>
          <MessageList id={asked.channel_id} type={asked.channel_type} />
        </section>
      )}
      {!one && asked.channel_id === '' && (
        <Empty what={t('Name a message or a channel.')}>{t('Type a message_id, or a channel id.')}</Empty>
      )}
    </>
  );
}
