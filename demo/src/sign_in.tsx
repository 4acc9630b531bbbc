import { useEffect, useRef, useState } from 'preact/hooks';

import { normalUrl } from './api';
import { apiAddress } from './api_address';
import { chat, isUid } from './chat';
import { t } from './i18n';
import { keptSession } from './kept_session';
import { Field, LanguageSwitch, type LanguageProps } from './parts';

export function SignIn(props: LanguageProps) {
  const [kept] = useState(keptSession);
  const [uid, setUid] = useState(kept?.uid ?? sessionStorage.getItem('jindou.uid') ?? '');
  const [url, setUrl] = useState(kept?.url ?? '');
  const urlTyped = useRef(kept !== null);
  // Until it is known where the API is, nothing may be sent anywhere.
  const [told] = useState(apiAddress);
  const [token, setToken] = useState(kept?.token ?? '');
  const [register, setRegister] = useState(kept === null);
  const [only, setOnly] = useState(true);
  const [managerToken, setManagerToken] = useState('');
  const [formError, setFormError] = useState('');
  const busy = chat.phase === 'signing-in';

  useEffect(() => {
    void told.then((address) => {
      if (!urlTyped.current) setUrl(address);
    });
  }, []);

  const submit = async (event: Event) => {
    event.preventDefault();
    if (busy) return;
    const normal = normalUrl(urlTyped.current ? url : await told);
    const name = uid.trim();
    if (!isUid(name)) {
      setFormError(
        t('The uid has 1 to 256 bytes, without spaces at its ends and without @, # and &.'));
    } else if (normal === null) {
      setFormError(t('The API address has to begin with http:// or https://.'));
    } else {
      setFormError('');
      void chat.signIn({ url: normal, uid: name, token, register: register && token !== '', only,
                         managerToken: managerToken.trim() });
    }
  };
  const error = formError || chat.signInError;

  return (
    <main class="sign-in">
      <form class="card" onSubmit={submit} noValidate>
        <header>
          <span class="logo" aria-hidden="true" />
          <div>
            <h1>{t('Jindou chat')}</h1>
            <p class="hint">
              {t('A small page on the npm client SDK, served by the server itself.')}
            </p>
          </div>
        </header>
        <Field label={t('Your uid')} hint={t('Any name; two people need two names.')}>
          <input type="text" value={uid} autocomplete="username" autocapitalize="none"
                 spellcheck={false} autofocus disabled={busy}
                 onInput={(event) => setUid(event.currentTarget.value)} />
        </Field>
        <Field label={t('API address')}>
          <input type="url" value={url} spellcheck={false} disabled={busy}
                 onInput={(event) => {
                   urlTyped.current = true;
                   setUrl(event.currentTarget.value);
                 }} />
        </Field>
        <details open={kept?.wantsManagerToken}>
          <summary>{t('More options')}</summary>
          <Field label={t('Token')} hint={t('Only when the server checks tokens (tokenAuthOn).')}>
            <input type="text" value={token} autocomplete="off" spellcheck={false} disabled={busy}
                   onInput={(event) => setToken(event.currentTarget.value)} />
          </Field>
          <label class="check">
            <input type="checkbox" checked={register} disabled={busy}
                   onChange={(event) => setRegister(event.currentTarget.checked)} />
            <span>{t('Register this token first')}</span>
          </label>
          <label class="check">
            <input type="checkbox" checked={only && register} disabled={busy || !register}
                   onChange={(event) => setOnly(event.currentTarget.checked)} />
            <span>{t('One session at a time: signing in elsewhere ends this one')}</span>
          </label>
          <Field label={t('Manager token of the API')}
                 hint={t('Kept in the memory of this page only.')}>
            <input type="password" value={managerToken} autocomplete="off" disabled={busy}
                   onInput={(event) => setManagerToken(event.currentTarget.value)} />
          </Field>
        </details>
        {error && <p class="error" role="alert">{error}</p>}
        <div class="row">
          <button type="submit" class="primary grow" disabled={busy}>
            {busy ? t('Signing in…') : t('Sign in')}
          </button>
          {busy && (
            <button type="button" onClick={() => chat.signOut()}>{t('Cancel')}</button>
          )}
        </div>
        <footer><LanguageSwitch {...props} /></footer>
      </form>
    </main>
  );
}
