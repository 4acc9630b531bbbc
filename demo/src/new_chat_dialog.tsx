import { useState } from 'preact/hooks';

import { kGroup, kPerson } from './api';
import { chat, isUid } from './chat';
import { t } from './i18n';
import { Dialog, Field, splitIds } from './parts';

export function NewChatDialog({ onClose }: { onClose: () => void }) {
  const [type, setType] = useState(kPerson);
  const [id, setId] = useState('');
  const [members, setMembers] = useState('');
  const [error, setError] = useState('');
  const [busy, setBusy] = useState(false);

  const submit = async (event: Event) => {
    event.preventDefault();
    const name = id.trim();
    const uids = type === kGroup ? splitIds(members) : [];
    if (![name, ...uids].every(isUid)) {
      setError(t('The uid has 1 to 256 bytes, without spaces at its ends and without @, # and &.'));
      return;
    }
    if (type === kGroup) {
      setBusy(true);
      try {
        await chat.join(name, [...new Set([chat.uid, ...uids])]);
      } catch (failure) {
        setError(chat.describe(failure));
        setBusy(false);
        return;
      }
    }
    chat.open(type, name);
    onClose();
  };

  return (
    <Dialog title={t('New chat')} onClose={onClose}>
      <form onSubmit={(event) => void submit(event)} noValidate>
        <div class="tabs" role="radiogroup" aria-label={t('New chat')}>
          {[kPerson, kGroup].map((one) => (
            <label key={one}>
              <input type="radio" name="type" checked={type === one}
                     onChange={() => { setType(one); setError(''); }} />
              <span>{one === kPerson ? t('Person') : t('Group')}</span>
            </label>
          ))}
        </div>
        <Field label={type === kPerson ? t('Uid of the other person') : t('Group id')}>
          <input type="text" value={id} autofocus autocapitalize="none" spellcheck={false}
                 autocomplete="off" onInput={(event) => setId(event.currentTarget.value)} />
        </Field>
        {type === kGroup && (
          <Field label={t('Members besides you')}
                 hint={t('Uids, separated by commas. A group that exists gets you and them as members.')}>
            <input type="text" value={members} autocapitalize="none" spellcheck={false}
                   autocomplete="off" onInput={(event) => setMembers(event.currentTarget.value)} />
          </Field>
        )}
        {error && <p class="error" role="alert">{error}</p>}
        <button type="submit" class="primary wide" disabled={busy || id.trim() === ''}>
          {type === kPerson ? t('Open the chat') : t('Create or join')}
        </button>
      </form>
    </Dialog>
  );
}
