// The manager page: who is signed in, the menu, and the view that the address names.
import '../base.css';
import './manager.css';

import { render, type VNode } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';

import { locale, translator, useLanguage } from '../language';
import { LanguageSwitch, type LanguageProps } from '../widgets';
import { Audit } from './audit';
import { Backups } from './backups';
import { Channels } from './channels';
import { Configuration } from './configuration';
import { Connections } from './connections';
import { linkTo, type Place, usePlace } from './hooks';
import { Jobs } from './jobs';
import { Login } from './login';
import { Messages } from './messages';
import { Overview } from './overview';
import { keep, onEnded, session, signInAsNobody } from './session';
import { Loading } from './states';
import { Users } from './users';
import { Webhooks } from './webhooks';
import { kCommon } from './words';

const t = translator({
  ...kCommon,
  'Menu': '菜单',
  'To the content': '跳到内容',
  'Sign out': '退出登录',
  'Nobody is asked who he is (auth.on: false)': '此端口不要求登录（auth.on: false）',
});

interface View {
  path: string;
  name: () => string;
  show: (place: Place) => VNode;
}

const kViews: View[] = [
  { path: 'overview', name: () => t('Overview'), show: () => <Overview /> },
  { path: 'connections', name: () => t('Connections'), show: (place) => <Connections place={place} /> },
  { path: 'users', name: () => t('Users'), show: (place) => <Users place={place} /> },
  { path: 'channels', name: () => t('Channels'), show: (place) => <Channels place={place} /> },
  { path: 'messages', name: () => t('Messages'), show: (place) => <Messages place={place} /> },
  { path: 'jobs', name: () => t('Batches and jobs'), show: (place) => <Jobs place={place} /> },
  { path: 'webhooks', name: () => t('Webhooks'), show: () => <Webhooks /> },
  { path: 'backups', name: () => t('Backups'), show: () => <Backups /> },
  { path: 'configuration', name: () => t('Configuration'), show: () => <Configuration /> },
  { path: 'audit', name: () => t('Audit log'), show: (place) => <Audit place={place} /> },
];

function Workspace(props: LanguageProps & { onSignOut: () => void }) {
  const place = usePlace();
  const [menu, setMenu] = useState(false);
  const main = useRef<HTMLElement>(null);
  const view = kViews.find((one) => one.path === place.parts[0]) ?? kViews[0];
  const where = place.parts.join('/');
  useEffect(() => {
    document.title = `${view.name()} · ${t('Jindou manager')}`;
  }, [where, props.language]);
  const shown = useRef(where);
  useEffect(() => {
    if (shown.current === where) return;
    shown.current = where;
    setMenu(false);
    main.current?.focus();
    window.scrollTo(0, 0);
  }, [where]);
  return (
    <div class="manager">
      <a class="skip" href="#main" onClick={(event) => {
        event.preventDefault();
        main.current?.focus();
      }}>{t('To the content')}</a>
      <header class="top">
        <span class="logo" aria-hidden="true" />
        <strong class="ellipsis">{t('Jindou manager')}</strong>
        <button type="button" class="menu-button" aria-expanded={menu} aria-controls="menu"
                onClick={() => setMenu(!menu)}>{t('Menu')}</button>
      </header>
      <nav id="menu" class={menu ? 'side open' : 'side'} aria-label={t('Menu')}>
        <div class="brand" aria-hidden="true">
          <span class="logo" />
          <strong>{t('Jindou manager')}</strong>
        </div>
        <ul role="list">
          {kViews.map((one) => (
            <li key={one.path}>
              <a href={linkTo([one.path])} aria-current={one === view ? 'page' : undefined}
                 onClick={() => setMenu(false)}>{one.name()}</a>
            </li>
          ))}
        </ul>
        <div class="who">
          <LanguageSwitch {...props} />
          {session()?.header === null
            ? <p class="hint">{t('Nobody is asked who he is (auth.on: false)')}</p>
            : (
              <>
                <p class="ellipsis">{session()?.user}</p>
                <button type="button" onClick={props.onSignOut}>{t('Sign out')}</button>
              </>
            )}
        </div>
      </nav>
      <main ref={main} id="main" tabIndex={-1}>{view.show(place)}</main>
    </div>
  );
}

// The form has an address of its own beside that of the page, for bookmarks and password stores.
function showAddress(signedIn: boolean): void {
  const path = location.pathname.replace(/[^/]*$/, signedIn ? '' : 'login');
  if (path !== location.pathname) history.replaceState(null, '', path + location.hash);
}

function App() {
  const [language, setLanguage] = useLanguage();
  const [phase, setPhase] = useState<'asking' | 'out' | 'in'>(session() ? 'in' : 'asking');
  const [why, setWhy] = useState('');
  useEffect(() => {
    onEnded((text) => {
      setWhy(text);
      setPhase('out');
    });
    if (phase === 'asking') void signInAsNobody().then((done) => setPhase(done ? 'in' : 'out'));
  }, []);
  useEffect(() => {
    if (phase !== 'asking') showAddress(phase === 'in');
    if (phase === 'out') document.title = t('Jindou manager');
  }, [phase]);
  const props = { language, setLanguage };
  if (phase === 'asking') return <Loading />;
  if (phase === 'out') {
    return <Login {...props} why={why} onDone={() => setPhase('in')} />;
  }
  return (
    <Workspace {...props} onSignOut={() => {
      keep(null);
      setWhy('');
      setPhase('out');
    }} />
  );
}

document.documentElement.lang = locale();
render(<App />, document.getElementById('app')!);
