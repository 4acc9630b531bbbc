// One of the three lists of a channel, with what adds to it and removes from it.
import { useState } from 'preact/hooks';

import { translator } from '../language';
import { Field, splitIds } from '../widgets';
import { linkTo } from './hooks';
import { Listing, pageOf, type ServerPage } from './listing';
import { call } from './session';
import { Action, Empty, Notice } from './states';
import { kCommon } from './words';

const t = translator({
  ...kCommon,
  'The uid begins with': 'uid 以此开头',
  'Nobody is on this list.': '此名单为空。',
  'Nobody whose uid begins so is on this list.': '此名单中没有以此开头的 uid。',
  'Uids': 'uid',
  'Separated by commas or line breaks.': '用逗号或换行分隔。',
  'Add to the list: {list}': '加入名单：{list}',
  '{count} added.': '已添加 {count} 个。',
  'Remove {uid}?': '移除 {uid}？',
  '{uid} is removed.': '已移除 {uid}。',
  'From the list: {list}.': '从名单中移除：{list}。',
});

// By list: what the paths of changes are called, and the member that holds the uids.
const kChanges = {
  subscribers: ['/channel/subscriber', 'subscribers'],
  denylist: ['/channel/blacklist', 'uids'],
  allowlist: ['/channel/whitelist', 'uids'],
} as const;

export function MemberList(props: { id: string; type: number; list: keyof typeof kChanges;
                                    caption: string }) {
  const [typed, setTyped] = useState('');
  const [prefix, setPrefix] = useState('');
  const [uids, setUids] = useState('');
  const [version, setVersion] = useState(0);
  const [notice, setNotice] = useState('');
  const [path, member] = kChanges[props.list];
  const change = async (what: 'add' | 'remove', who: string[]) => {
    await call(`${path}_${what}`, {
      body: { channel_id: props.id, channel_type: props.type, [member]: who },
    });
  };
  const changed = (text: string) => {
    setNotice(text);
    setVersion(version + 1);
  };
  return (
    <>
      <Notice text={notice} />
      <form class="filters" role="search" onSubmit={(event) => {
        event.preventDefault();
        setPrefix(typed.trim());
      }}>
        <Field label={t('The uid begins with')}>
          <input type="text" value={typed} spellcheck={false}
                 onInput={(event) => setTyped(event.currentTarget.value)} />
        </Field>
        <div class="row">
          <button type="submit">{t('Search')}</button>
          <Action label={t('Add')} title={t('Add to the list: {list}', { list: props.caption })}
                  resource="channel" kind="primary"
                  run={() => change('add', splitIds(uids))}
                  done={() => {
                    changed(t('{count} added.', { count: splitIds(uids).length }));
                    setUids('');
                  }}>
            <Field label={t('Uids')} hint={t('Separated by commas or line breaks.')}>
              <textarea value={uids} spellcheck={false}
                        onInput={(event) => setUids(event.currentTarget.value)} />
            </Field>
          </Action>
        </div>
      </form>
      <Listing<{ uid: string }>
        of={`${props.list} ${props.type} ${props.id} ${prefix}`} version={version}
        caption={props.caption}
        load={async (cursor, signal) => pageOf(await call<ServerPage<{ uid: string }>>(
          `/channel/${props.list}`,
          { query: { channel_id: props.id, channel_type: props.type, prefix, cursor, limit: 20 },
            signal }))}
        keyOf={(one) => one.uid}
        columns={[
          { name: t('User'), cell: (one) => <a href={linkTo(['users', one.uid])}>{one.uid}</a> },
          { name: t('Actions'),
            cell: (one) => (
              <Action label={t('Remove')} describe={one.uid} small resource="channel" kind="danger"
                      title={t('Remove {uid}?', { uid: one.uid })}
                      run={() => change('remove', [one.uid])}
                      done={() => changed(t('{uid} is removed.', { uid: one.uid }))}>
                <p>{t('From the list: {list}.', { list: props.caption })}</p>
              </Action>
            ) },
        ]}
        empty={<Empty what={prefix === '' ? t('Nobody is on this list.')
          : t('Nobody whose uid begins so is on this list.')} />} />
    </>
  );
}
