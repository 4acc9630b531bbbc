// The users of whom something is stored, by the beginning of their uid; each leads to its own view.
import { useEffect, useState } from 'preact/hooks';

import { translator } from '../language';
import { Field } from '../widgets';
import { deviceName } from './format';
import { go, linkTo, type Place } from './hooks';
import { Listing, pageOf, type ServerPage } from './listing';
import { call } from './session';
import { Empty, Head, Tag } from './states';
import { UserView } from './user';
import { kCommon } from './words';

const t = translator({
  ...kCommon,
  'By length of the uid, then uid.': '按 uid 长度、uid 排序。',
  'The uid begins with': 'uid 以此开头',
  'Devices': '设备数',
  'With a token': '有令牌',
  'banned': '已封禁',
  'system account': '系统账号',

  'No user is there.': '没有用户。',
  'No uid begins so. Uids are compared letter by letter; type less of it.':
    '没有以此开头的 uid。uid 逐字符比较，请缩短输入。',
  'Users come with a device (POST /user/token), flags, or a conversation.':
    '用户因设备（POST /user/token）、标志或会话而存在。',
});

interface ListedUser {
  uid: string;
  banned: number;
  system_account: number;
  online: number;
  online_device_flags: number[];
  device_count: number;
  token_set_count: number;
}

export function Users(props: { place: Place }) {
  const { parts, query } = props.place;
  if (parts.length >= 2) return <UserView key={parts[1]} uid={parts[1]} />;
  return <UserList prefix={query.get('prefix') ?? ''} />;
}

function UserList(props: { prefix: string }) {
  const [prefix, setPrefix] = useState(props.prefix);
  useEffect(() => setPrefix(props.prefix), [props.prefix]);
  return (
    <>
      <Head title={t('Users')} text={t('By length of the uid, then uid.')} />
      <form class="filters" role="search" onSubmit={(event) => {
        event.preventDefault();
        go(linkTo(['users'], { prefix }));
      }}>
        <Field label={t('The uid begins with')}>
          <input type="text" value={prefix} spellcheck={false}
                 onInput={(event) => setPrefix(event.currentTarget.value)} />
        </Field>
        <button type="submit">{t('Search')}</button>
      </form>
      <Listing<ListedUser>
        of={`users ${props.prefix}`} caption={t('Users')}
        load={async (cursor, signal) => pageOf(await call<ServerPage<ListedUser>>(
          '/users', { query: { prefix: props.prefix, cursor, limit: 50 }, signal }))}
        keyOf={(one) => one.uid}
        columns={[
          { name: t('User'), cell: (one) => <a href={linkTo(['users', one.uid])}>{one.uid}</a> },
          { name: t('State'), cell: (one) => (
            <span class="row">
              {one.online !== 0
                ? <Tag kind="good">{t('online')}: {one.online_device_flags.map(deviceName).join(', ')}</Tag>
                : <Tag>{t('offline')}</Tag>}
              {one.banned !== 0 && <Tag kind="bad">{t('banned')}</Tag>}
              {one.system_account !== 0 && <Tag kind="warn">{t('system account')}</Tag>}
            </span>
          ) },
          { name: t('Devices'), number: true, cell: (one) => one.device_count },
          { name: t('With a token'), number: true, cell: (one) => one.token_set_count },
        ]}
        empty={<Empty what={t('No user is there.')}>
          {props.prefix === ''
            ? t('Users come with a device (POST /user/token), flags, or a conversation.')
            : t('No uid begins so. Uids are compared letter by letter; type less of it.')}
        </Empty>} />
    </>
  );
}
