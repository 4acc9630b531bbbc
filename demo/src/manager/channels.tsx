// The channels that there are, by type and the beginning of their id; each leads to its own view.
import { useEffect, useState } from 'preact/hooks';

import { translator } from '../language';
import { Field, splitIds } from '../widgets';
import { ChannelView } from './channel';
import { channelTypes, time, typeName } from './format';
import { go, linkTo, type Place } from './hooks';
import { Listing, pageOf, type ServerPage } from './listing';
import { call } from './session';
import { Action, Empty, Head, Rights, Tag } from './states';
import { kCommon } from './words';

const t = translator({
  ...kCommon,
  'By type, then length of the id, then id.': '按类型、id 长度、id 排序。',
  'The id begins with': 'id 以此开头',
  'All types': '全部类型',
  'Flags': '标志',
  'Created': '创建时间',
  'has messages only': '仅有消息',
  'No channel is there.': '没有频道。',
  'No channel begins so. Ids are compared letter by letter; type less of it.':
    '没有以此开头的频道。id 逐字符比较，请缩短输入。',
  'Channels come with POST /channel and with the first message.':
    '频道由 POST /channel 或第一条消息创建。',
  'New channel': '新建频道',
  'Subscribers': '订阅者',
  'Uids, separated by commas or line breaks. A channel that exists gets them as well, and its flags are reset.':
    '多个 uid 用逗号或换行分隔。若频道已存在，也会加入它们，并重置其标志。',
  'Create': '创建',
});

export interface Flags {
  large: number;
  ban: number;
  disband: number;
  send_ban: number;
  allow_stranger: number;
}

export interface ChannelEntry extends Flags {
  channel_id: string;
  channel_type: number;
  created_at: number;
}

export function FlagTags(props: { flags: Flags }) {
  const names = (['ban', 'send_ban', 'disband', 'large', 'allow_stranger'] as const)
    .filter((name) => props.flags[name] !== 0);
  if (names.length === 0) return <span class="hint">{t('none')}</span>;
  return (
    <>
      {names.map((name) => (
        <Tag key={name} kind={name === 'large' || name === 'allow_stranger' ? undefined : 'bad'}>
          {name}
        </Tag>
      ))}
    </>
  );
}

export function TypeSelect(props: { value: number; any?: string; id?: string;
                                    onChange: (type: number) => void }) {
  return (
    <select id={props.id} value={props.value}
            onChange={(event) => props.onChange(Number(event.currentTarget.value))}>
      {props.any !== undefined && <option value={0}>{props.any}</option>}
      {channelTypes.map((type) => <option key={type} value={type}>{typeName(type)}</option>)}
    </select>
  );
}

function NewChannel() {
  const [id, setId] = useState('');
  const [type, setType] = useState(2);
  const [subscribers, setSubscribers] = useState('');
  return (
    <Action label={t('New channel')} title={t('New channel')} confirm={t('Create')} kind="primary"
            resource="channel"
            run={async () => {
              await call('/channel', { body: { channel_id: id, channel_type: type,
                                               subscribers: splitIds(subscribers) } });
            }}
            done={() => go(linkTo(['channels', type, id]))}>
      <Field label={t('Channel id')}>
        <input type="text" value={id} spellcheck={false}
               onInput={(event) => setId(event.currentTarget.value)} />
      </Field>
      <Field label={t('Channel type')}><TypeSelect value={type} onChange={setType} /></Field>
      <Field label={t('Subscribers')}
             hint={t('Uids, separated by commas or line breaks. A channel that exists gets them as well, and its flags are reset.')}>
        <textarea value={subscribers} spellcheck={false}
                  onInput={(event) => setSubscribers(event.currentTarget.value)} />
      </Field>
    </Action>
  );
}

export function Channels(props: { place: Place }) {
  const { parts, query } = props.place;
  if (parts.length >= 3) {
    return <ChannelView key={`${parts[1]}/${parts[2]}`} type={Number(parts[1])} id={parts[2]} />;
  }
  return <ChannelList prefix={query.get('prefix') ?? ''} type={Number(query.get('type') ?? 0)} />;
}

function ChannelList(props: { prefix: string; type: number }) {
  const [prefix, setPrefix] = useState(props.prefix);
  const [type, setType] = useState(props.type);
  useEffect(() => {
    setPrefix(props.prefix);
    setType(props.type);
  }, [props.prefix, props.type]);
  return (
    <>
      <Head title={t('Channels')} text={t('By type, then length of the id, then id.')}>
        <NewChannel />
      </Head>
      <Rights resources={['channel']} />
      <form class="filters" role="search" onSubmit={(event) => {
        event.preventDefault();
        go(linkTo(['channels'], { prefix, type: type === 0 ? '' : String(type) }));
      }}>
        <Field label={t('The id begins with')}>
          <input type="text" value={prefix} spellcheck={false}
                 onInput={(event) => setPrefix(event.currentTarget.value)} />
        </Field>
        <Field label={t('Channel type')}>
          <TypeSelect value={type} any={t('All types')} onChange={setType} />
        </Field>
        <button type="submit">{t('Search')}</button>
      </form>
      <Listing<ChannelEntry>
        of={`channels ${props.type} ${props.prefix}`} caption={t('Channels')}
        load={async (cursor, signal) => pageOf(await call<ServerPage<ChannelEntry>>('/channels', {
          query: { prefix: props.prefix, cursor, limit: 50,
                   channel_type: props.type === 0 ? undefined : props.type }, signal,
        }))}
        keyOf={(one) => `${one.channel_type} ${one.channel_id}`}
        columns={[
          { name: t('Channel id'),
            cell: (one) => <a href={linkTo(['channels', one.channel_type, one.channel_id])}>{one.channel_id}</a> },
          { name: t('Type'), cell: (one) => typeName(one.channel_type) },
          { name: t('Flags'), cell: (one) => <span class="row"><FlagTags flags={one} /></span> },
          { name: t('Created'),
            cell: (one) => (one.created_at === 0 ? t('has messages only') : time(one.created_at)) },
        ]}
        empty={props.prefix === '' && props.type === 0
          ? <Empty what={t('No channel is there.')}>{t('Channels come with POST /channel and with the first message.')}</Empty>
          : <Empty what={t('No channel is there.')}>{t('No channel begins so. Ids are compared letter by letter; type less of it.')}</Empty>} />
    </>
  );
}
