// Who is in a group, and what can be done with it.
import { useState } from 'preact/hooks';

import { kPerson } from './api';
import { chat, isUid } from './chat';
import { t } from './i18n';
import { Avatar, Dialog, Field, onlineText, splitIds } from './parts';

export function GroupDialog({ group, onClose }: { group: string; onClose: () => void }) {
  const [added, setAdded] = useState('');
  const [error, setError] = useState('');
  const members = chat.members.get(group) ?? [];

  const run = async (work: () => Promise<void>) => {
    setError('');
    try {
      await work();
    } catch (failure) {
      setError(chat.describe(failure));
    }
  };
  const add = (event: Event) => {
    event.preventDefault();
    const uids = splitIds(added);
    if (uids.length === 0 || !uids.every(isUid)) {
      setError(t('The uid has 1 to 256 bytes, without spaces at its ends and without @, # and &.'));
      return;
    }
    void run(async () => {
      await chat.join(group, uids);
      setAdded('');
    });
  };
  const ban = (on: boolean) => void run(async () => {
    await chat.api.setBan(group, on);
    chat.say(on ? t('{group} is banned now.', { group })
      : t('The ban of {group} is lifted.', { group }));
    onClose();
  });
  const leave = () => void run(async () => {
    await chat.leave(group);
    onClose();
  });

  return (
    <Dialog title={t('Members of {group}', { group })} onClose={onClose}>
      <ul class="members" role="list">
        {members.map((uid) => (
          <li key={uid}>
            <Avatar id={uid} type={kPerson} online={chat.online.get(uid)} />
            <span class="name" title={uid}>{uid}</span>
            <span class="hint">
              {uid === chat.uid && `${t('you')} · `}
              {onlineText(uid)}
            </span>
          </li>
        ))}
      </ul>
      <form class="inline" onSubmit={add} noValidate>
        <Field label={t('Add members')}>
          <input type="text" value={added} autocapitalize="none" spellcheck={false}
                 autocomplete="off" placeholder="bob, carol"
                 onInput={(event) => setAdded(event.currentTarget.value)} />
        </Field>
        <button type="submit">{t('Add')}</button>
      </form>
      {error && <p class="error" role="alert">{error}</p>}
      <section class="block">
        <h3>{t('Refusals')}</h3>
        <p class="hint">
          {t('A banned group refuses every message: a way to see a refusal, also in a batch.')}
        </p>
        <div class="row">
          <button type="button" onClick={() => ban(true)}>{t('Ban the group')}</button>
          <button type="button" onClick={() => ban(false)}>{t('Lift the ban')}</button>
        </div>
      </section>
      <button type="button" class="danger wide" onClick={leave}>{t('Leave the group')}</button>
    </Dialog>
  );
}
