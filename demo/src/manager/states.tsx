// What a view shows while there is nothing else to show, and how it changes things.
import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';

import { Dialog } from '../widgets';
import { time } from './format';
import { asServerError } from './hooks';
import { may, type ServerError } from './session';
import { t } from './words';

// What to do about a failure; the server's own sentence stands before it.
function advice(error: ServerError): string {
  if (error.status === 0) return t('Is it running, and is this port reachable? Try again when it is.');
  if (error.status === 401) return t('Sign in again.');
  if (error.status === 403) {
    return t('Your login may not do this. Whoever writes auth.users can give it the permission.');
  }
  if (error.status === 429 || error.status === 503) {
    return t('The server has too much to do. Try again in a moment.');
  }
  if (error.status >= 500) {
    return t('Look at the health on the overview and at the log of the server.');
  }
  return t('Correct what the sentence names, and try again.');
}

export function Problem(props: { error: ServerError; retry?: () => void }) {
  return (
    <div class="problem" role="alert">
      <p><strong>{props.error.message}</strong></p>
      <p>{advice(props.error)}</p>
      {props.retry && <button type="button" onClick={props.retry}>{t('Try again')}</button>}
    </div>
  );
}

export function Loading() {
  return <p class="empty" role="status">{t('Loading…')}</p>;
}

// `children`: what to do about it.
export function Empty(props: { what: string; children?: ComponentChildren }) {
  return (
    <div class="empty">
      <p><strong>{props.what}</strong></p>
      {props.children && <p>{props.children}</p>}
    </div>
  );
}

// A sentence that some change was made; whoever listens to the screen hears it.
export function Notice(props: { text: string }) {
  return <p class={props.text === '' ? 'unseen' : 'notice'} role="status">{props.text}</p>;
}

// Tells whoever may not change what is in this view; `resources` as the server names them.
export function Rights(props: { resources: string[] }) {
  const missing = props.resources.filter((resource) => !may(resource));
  if (missing.length === 0) return null;
  return (
    <p class="hint rights">
      {t('You may look here and change nothing: for that the login needs the permission {permission}.',
         { permission: missing.map((resource) => `${resource}:w`).join(', ') })}
    </p>
  );
}

// A button that asks before it does something. `run` resolves when it is done, and `done` is called
// then. Children of the dialog are fields, or a sentence that says what will happen.
export function Action(props: {
  label: string;
  title: string;
  resource: string;
  kind?: 'primary' | 'danger';
  small?: boolean;
  wide?: boolean;
  describe?: string; // for the screen reader, where several buttons have the same label
  confirm?: string; // on the button of the dialog; the label unless given
  // Of what it is done to. When it changes while the dialog is open, that stays and says so.
  state?: string;
  offered?: boolean; // false: there is no button, and a dialog that is still open cannot confirm
  children: ComponentChildren;
  run: () => Promise<void>;
  done: () => void;
}) {
  const [open, setOpen] = useState(false);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<ServerError | null>(null);
  useEffect(() => setError(null), [open]);
  const seen = useRef({ state: props.state, since: 0 }); // seconds; 0: as when it was opened
  if (!open) {
    seen.current = { state: props.state, since: 0 };
  } else if (seen.current.state !== props.state) {
    seen.current = { state: props.state, since: Date.now() / 1000 };
  }
  const { since } = seen.current;
  const offered = props.offered ?? true;
  const submit = async (event: Event) => {
    event.preventDefault();
    if (busy) return;
    setBusy(true);
    setError(null);
    try {
      await props.run();
      setOpen(false);
      props.done();
    } catch (problem) {
      setError(asServerError(problem));
    }
    setBusy(false);
  };
  return (
    <>
      {offered && (
        <button type="button" class={`${props.kind ?? ''} ${props.small ? 'small' : ''}`}
                disabled={!may(props.resource)} aria-haspopup="dialog"
                aria-label={props.describe && `${props.label}: ${props.describe}`}
                onClick={() => setOpen(true)}>{props.label}</button>
      )}
      {open && (
        <Dialog title={props.title} wide={props.wide} onClose={() => setOpen(false)}>
          <form onSubmit={(event) => void submit(event)} noValidate>
            {props.children}
            {since > 0 && !busy && (
              <p class="warning" role="alert">
                {t('The state changed at {time}: {state}.',
                   { time: time(since), state: props.state ?? '' })}
                {!offered && ` ${t('This cannot be done any more.')}`}
              </p>
            )}
            {error && <Problem error={error} />}
            <div class="row end">
              <button type="button" onClick={() => setOpen(false)}>{t('Cancel')}</button>
              <button type="submit" class={props.kind === 'danger' ? 'danger-solid' : 'primary'}
                      disabled={busy || !offered}>{props.confirm ?? props.label}</button>
            </div>
          </form>
        </Dialog>
      )}
    </>
  );
}

export function Facts(props: { rows: [string, ComponentChildren][] }) {
  return (
    <dl class="facts">
      {props.rows.map(([name, value]) => (
        <div key={name}><dt>{name}</dt><dd>{value}</dd></div>
      ))}
    </dl>
  );
}

// A title and what stands beside it.
export function Head(props: { title: string; text?: string; back?: [string, string];
                              children?: ComponentChildren }) {
  return (
    <header class="head">
      <div>
        {props.back && <a class="backlink" href={props.back[1]}>← {props.back[0]}</a>}
        <h1>{props.title}</h1>
        {props.text && <p class="hint">{props.text}</p>}
      </div>
      {props.children && <div class="row wrap">{props.children}</div>}
    </header>
  );
}

export function Tag(props: { kind?: 'good' | 'warn' | 'bad'; children: ComponentChildren }) {
  return <span class={`tag ${props.kind ?? ''}`}>{props.children}</span>;
}
