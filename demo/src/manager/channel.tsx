// One channel: its flags, lists, limits and newest messages.
import { useState } from 'preact/hooks';

import { translator } from '../language';
import { Field } from '../widgets';
import { type ChannelEntry, type Flags, FlagTags } from './channels';
import { count, span, time, typeName } from './format';
import { linkTo, useLoaded } from './hooks';
import { MemberList } from './member_list';
import { MessageList } from './message_list';
import { call } from './session';
import { Action, Empty, Facts, Head, Loading, Notice, Problem, Rights } from './states';
import { kCommon } from './words';

const t = translator({
  ...kCommon,
  'Flags': '标志',
  'Created': '创建时间',
  'has messages only': '仅有消息',
  'Last message_seq': '最后的 message_seq',
  'Change the flags': '修改标志',
  'Nobody can send (ban)': '禁止所有人发送（ban）',
  'Members cannot send (send_ban)': '成员不能发送（send_ban）',
  'Strangers may write, for a user (allow_stranger)': '允许陌生人发消息，仅用于用户（allow_stranger）',
  'Large, stored only (large)': '大群，仅记录（large）',
  'All flags are written as they are shown here.': '所有标志按此处所示写入。',
  'The flags are changed.': '标志已修改。',
  'Bring it back': '恢复',
  'The channel is dissolved: nobody can send. It comes back with no ban; its seqs go on.':
    '频道已解散，无人可以发送。恢复后没有封禁，序号继续递增。',
  'The channel is back.': '频道已恢复。',
  'Delete {channel}?': '删除 {channel}？',
  'It is dissolved, its lists and limits are removed, its messages and conversations are hidden. This cannot be undone.':
    '频道会被解散，名单和限制会被移除，消息和会话会被隐藏。此操作不可撤销。',
  'The channel is deleted.': '频道已删除。',
  'Members': '成员',
  'Subscribers': '订阅者',
  'Denylist': '黑名单',
  'Allowlist': '白名单',
  'Lists': '名单',
  'Nobody has created this channel, and there is no message in it.': '没有人创建过此频道，其中也没有消息。',
  'Look whether id and type are right.': '请检查 id 和类型是否正确。',
  'Retention': '保留策略',
  'Kept for': '保留时长',
  'Kept at most': '最多保留',
  'for ever': '永久',
  '{count} messages': '{count} 条消息',
  'all messages': '全部消息',
  'default': '默认',
  'set for this channel': '此频道的设置',
  'Change the limits': '修改限制',
  'Seconds; 0: for ever; empty: the configured default.': '秒；0 表示永久；留空使用配置的默认值。',
  'Messages; 0: all; empty: the configured default.': '条数；0 表示全部；留空使用配置的默认值。',
  'The limits are changed. Space comes back within a while.': '限制已修改，空间稍后释放。',
  'Last messages': '最近的消息',
});

interface Info extends ChannelEntry {
  last_message_seq: number;
}

interface Limits {
  max_age: number;
  max_age_source: string;
  max_count: number;
  max_count_source: string;
}

const kEditable = [
  ['ban', 'Nobody can send (ban)'],
  ['send_ban', 'Members cannot send (send_ban)'],
  ['allow_stranger', 'Strangers may write, for a user (allow_stranger)'],
  ['large', 'Large, stored only (large)'],
] as const;

export function ChangeFlags(props: { id: string; type: number; flags: Flags; done: () => void }) {
  const [wanted, setWanted] = useState<Partial<Flags>>({});
  const value = (name: keyof Flags) => wanted[name] ?? props.flags[name];
  return (
    <Action label={t('Change the flags')} title={t('Change the flags')} confirm={t('Save')}
            resource="channel"
            run={async () => {
              // Read again: what somebody else has changed meanwhile stays as he wants it.
              const now = await call<Flags>('/channel/info', {
                query: { channel_id: props.id, channel_type: props.type },
              }).catch(() => props.flags);
              const { large, ban, disband, send_ban, allow_stranger } = { ...now, ...wanted };
              await call('/channel/info', {
                body: { channel_id: props.id, channel_type: props.type, large, ban, disband,
                        send_ban, allow_stranger },
              });
              setWanted({});
            }}
            done={props.done}>
      {kEditable.map(([name, text]) => (
        <label key={name} class="check">
          <input type="checkbox" checked={value(name) !== 0}
                 onChange={(event) => setWanted({ ...wanted,
                                                  [name]: event.currentTarget.checked ? 1 : 0 })} />
          <span>{t(text)}</span>
        </label>
      ))}
      <p class="hint">{t('All flags are written as they are shown here.')}</p>
    </Action>
  );
}

function Retention(props: { id: string; type: number }) {
  const limits = useLoaded(`retention ${props.type} ${props.id}`, (signal) => call<Limits>(
    '/channel/retention',
    { query: { channel_id: props.id, channel_type: props.type }, signal }));
  const [age, setAge] = useState('');
  const [most, setMost] = useState('');
  const [notice, setNotice] = useState('');
  const from = (source: string) => (source === 'default' ? t('default') : t('set for this channel'));
  const numberOf = (text: string) => (text.trim() === '' ? undefined : Number(text));
  return (
    <section class="panel" aria-label={t('Retention')}>
      <h2>{t('Retention')}</h2>
      <Notice text={notice} />
      {limits.error && <Problem error={limits.error} retry={limits.reload} />}
      {limits.value && (
        <Facts rows={[
          [t('Kept for'), `${limits.value.max_age === 0 ? t('for ever') : span(limits.value.max_age)} (${from(limits.value.max_age_source)})`],
          [t('Kept at most'), `${limits.value.max_count === 0 ? t('all messages')
            : t('{count} messages', { count: count(limits.value.max_count) })} (${from(limits.value.max_count_source)})`],
        ]} />
      )}
      <div class="row">
        <Action label={t('Change the limits')} title={t('Change the limits')} confirm={t('Save')}
                resource="channel"
                run={async () => {
                  await call('/channel/retention', {
                    body: { channel_id: props.id, channel_type: props.type,
                            max_age: numberOf(age), max_count: numberOf(most) },
                  });
                }}
                done={() => {
                  setNotice(t('The limits are changed. Space comes back within a while.'));
                  limits.reload();
                }}>
          <Field label={t('Kept for')} hint={t('Seconds; 0: for ever; empty: the configured default.')}>
            <input type="number" min={0} value={age}
                   onInput={(event) => setAge(event.currentTarget.value)} />
          </Field>
          <Field label={t('Kept at most')} hint={t('Messages; 0: all; empty: the configured default.')}>
            <input type="number" min={0} value={most}
                   onInput={(event) => setMost(event.currentTarget.value)} />
          </Field>
        </Action>
      </div>
    </section>
  );
}

const kLists = ['subscribers', 'denylist', 'allowlist'] as const;
const kListNames = { subscribers: 'Subscribers', denylist: 'Denylist', allowlist: 'Allowlist' } as const;

export function ChannelView(props: { id: string; type: number }) {
  const { id, type } = props;
  const [list, setList] = useState<typeof kLists[number]>('subscribers');
  const [notice, setNotice] = useState('');
  const info = useLoaded(`channel ${type} ${id}`, (signal) => call<Info>(
    '/channel/info', { query: { channel_id: id, channel_type: type }, signal }));
  const changed = (text: string) => {
    setNotice(text);
    info.reload();
  };
  const head = (
    <Head title={id} text={typeName(type)} back={[t('Channels'), linkTo(['channels'])]}>
      {info.value && (
        <>
          <ChangeFlags id={id} type={type} flags={info.value}
                       done={() => changed(t('The flags are changed.'))} />
          {info.value.disband !== 0 && (
            <Action label={t('Bring it back')} title={t('Bring it back')} resource="channel"
                    run={async () => {
                      await call('/channel', { body: { channel_id: id, channel_type: type } });
                    }}
                    done={() => changed(t('The channel is back.'))}>
              <p>{t('The channel is dissolved: nobody can send. It comes back with no ban; its seqs go on.')}</p>
            </Action>
          )}
          {type !== 1 && (
            <Action label={t('Delete')} title={t('Delete {channel}?', { channel: id })} kind="danger"
                    resource="channel"
                    run={async () => {
                      await call('/channel/delete', { body: { channel_id: id, channel_type: type } });
                    }}
                    done={() => changed(t('The channel is deleted.'))}>
              <p>{t('It is dissolved, its lists and limits are removed, its messages and conversations are hidden. This cannot be undone.')}</p>
            </Action>
          )}
        </>
      )}
    </Head>
  );
  if (info.value === null) {
    return (
      <>
        {head}
        {info.error === null ? <Loading />
          : info.error.status === 404
            ? <Empty what={t('Nobody has created this channel, and there is no message in it.')}>{t('Look whether id and type are right.')}</Empty>
            : <Problem error={info.error} retry={info.reload} />}
      </>
    );
  }
  const shown = info.value;
  return (
    <>
      {head}
      <Rights resources={['channel']} />
      <Notice text={notice} />
      {info.error && <Problem error={info.error} retry={info.reload} />}
      <section class="panel" aria-label={t('Flags')}>
        <Facts rows={[
          [t('Flags'), <span key="flags" class="row wrap"><FlagTags flags={shown} /></span>],
          [t('Created'), shown.created_at === 0 ? t('has messages only') : time(shown.created_at)],
          [t('Last message_seq'), count(shown.last_message_seq)],
        ]} />
      </section>
      <section class="panel" aria-label={t('Members')}>
        <h2>{t('Members')}</h2>
        <div class="tabs" role="group" aria-label={t('Lists')}>
          {kLists.map((name) => (
            <button key={name} type="button" aria-pressed={list === name}
                    onClick={() => setList(name)}>{t(kListNames[name])}</button>
          ))}
        </div>
        <MemberList key={list} id={id} type={type} list={list} caption={t(kListNames[list])} />
      </section>
      <Retention id={id} type={type} />
      <section class="panel" aria-label={t('Last messages')}>
        <h2>{t('Last messages')}</h2>
        <MessageList id={id} type={type} />
      </section>
    </>
  );
}
