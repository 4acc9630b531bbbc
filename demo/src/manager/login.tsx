// The form to sign in: a user of auth.users, or a manager token or API key.
import { useState } from 'preact/hooks';

import { translator } from '../language';
import { Field, LanguageSwitch, type LanguageProps } from '../widgets';
import { asServerError } from './hooks';
import { type ServerError, signIn, signInWithToken } from './session';
import { Problem } from './states';
import { kCommon } from './words';

const t = translator({
  ...kCommon,
  'Shows and changes what this server has.': '查看和管理这台服务器。',
  'User name': '用户名',
  'Password': '密码',
  'As configured in auth.users. Without any there is guest, password guest, who may look, from the server itself, unless mode is release.':
    '在 auth.users 中配置。若未配置，则有用户 guest（密码 guest），只能查看，且仅限在服务器本机上；mode 为 release 时没有。',
  'With a token instead': '改用令牌登录',
  'Manager token or API key': '管理令牌或 API 密钥',
  'What is typed here is kept until this tab is closed, and sent to this server alone.':
    '输入内容保留到关闭此标签页为止，且只发送给这台服务器。',
  'Sign in': '登录',
  'Signing in…': '正在登录…',
  'Type a user name and a password, or a token.': '请输入用户名和密码，或者令牌。',
});

export function Login(props: LanguageProps & { why: string; onDone: () => void }) {
  const [name, setName] = useState('');
  const [password, setPassword] = useState('');
  const [token, setToken] = useState('');
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<ServerError | null>(null);
  const [missing, setMissing] = useState(false);
  const submit = async (event: Event) => {
    event.preventDefault();
    if (busy) return;
    const by_token = token.trim() !== '';
    setError(null);
    setMissing(!by_token && (name.trim() === '' || password === ''));
    if (!by_token && (name.trim() === '' || password === '')) return;
    setBusy(true);
    try {
      await (by_token ? signInWithToken(token.trim()) : signIn(name.trim(), password));
      props.onDone();
    } catch (problem) {
      setError(asServerError(problem));
      setBusy(false);
    }
  };
  return (
    <main class="sign-in">
      <form class="card" onSubmit={(event) => void submit(event)} noValidate>
        <header>
          <span class="logo" aria-hidden="true" />
          <div>
            <h1>{t('Jindou manager')}</h1>
            <p class="hint">{t('Shows and changes what this server has.')}</p>
          </div>
        </header>
        {props.why && <p class="error" role="alert">{props.why} {t('Sign in again.')}</p>}
        <Field label={t('User name')}
               hint={t('As configured in auth.users. Without any there is guest, password guest, who may look, from the server itself, unless mode is release.')}>
          <input type="text" value={name} autocomplete="username" autocapitalize="none"
                 spellcheck={false} disabled={busy}
                 onInput={(event) => setName(event.currentTarget.value)} />
        </Field>
        <Field label={t('Password')}>
          <input type="password" value={password} autocomplete="current-password" disabled={busy}
                 onInput={(event) => setPassword(event.currentTarget.value)} />
        </Field>
        <details>
          <summary>{t('With a token instead')}</summary>
          <Field label={t('Manager token or API key')}
                 hint={t('What is typed here is kept until this tab is closed, and sent to this server alone.')}>
            <input type="password" value={token} autocomplete="off" disabled={busy}
                   onInput={(event) => setToken(event.currentTarget.value)} />
          </Field>
        </details>
        {missing && (
          <p class="error" role="alert">{t('Type a user name and a password, or a token.')}</p>
        )}
        {error && <Problem error={error} />}
        <button type="submit" class="primary" disabled={busy}>
          {busy ? t('Signing in…') : t('Sign in')}
        </button>
        <footer><LanguageSwitch {...props} /></footer>
      </form>
    </main>
  );
}
