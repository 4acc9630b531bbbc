// What is shown while somebody is signed in: the list, one conversation, the dialogs.
import { useEffect, useState } from 'preact/hooks';

import { kGroup, kPerson } from './api';
import { BatchDialog } from './batch_dialog';
import { chat, type Conversation } from './chat';
import { ConversationView } from './conversation_view';
import { t } from './i18n';
import type { LinkState } from './link';
import { NewChatDialog } from './new_chat_dialog';
import {
  authorName, Avatar, contentText, Icon, LanguageSwitch, onlineText, shortTime, type LanguageProps,
} from './parts';
import { reasonText } from './reasons';

// What servers say when the same user signs in on another device of the kind.
const kElsewhere = 'login in other device';

function stateText(state: LinkState): string {
  switch (state) {
    case 'connecting': return t('Connecting');
    case 'connected': return t('Connected');
    case 'offline': return t('Offline');
    case 'kicked': return t('Kicked');
    case 'refused': return t('Refused');
  }
}

function previewText(conversation: Conversation): string {
  const { last, type } = conversation;
  if (last === null) return '';
  const text = contentText(last.content);
  if (last.from === chat.uid) return `${t('You')}: ${text}`;
  return type === kPerson ? text : `${authorName(last.from)}: ${text}`;
}

function ConversationItem({ conversation }: { conversation: Conversation }) {
  const { id, type, unread } = conversation;
  const online = type === kPerson ? chat.online.get(id) : undefined;
  return (
    <li>
      <button type="button" class="conversation" data-channel={conversation.key}
              aria-current={conversation.key === chat.active ? 'true' : undefined}
              onClick={() => chat.open(type, id)}>
        <Avatar id={id} type={type} online={online} />
        <span class="lines">
          <span class="line">
            <span class="name">{authorName(id)}</span>
            {type === kPerson && <span class="unseen">{onlineText(id)}</span>}
            <time>{shortTime(conversation.timestamp)}</time>
          </span>
          <span class="line">
            <span class="preview">{previewText(conversation)}</span>
            {unread > 0 && (
              <span class="badge" aria-label={t('{count} unread', { count: unread })}>
                {unread > 99 ? '99+' : unread}
              </span>
            )}
          </span>
        </span>
      </button>
    </li>
  );
}

// Why the session is over.
function endText(): string {
  if (chat.connection === 'refused') {
    return t('The server does not let you back in: {why}.', { why: reasonText(chat.endReason) });
  }
  if (chat.kickText === kElsewhere) return t('You were signed out because you signed in elsewhere.');
  const plain = t('The server signed you out.');
  return chat.kickText ? `${plain} ${t('The server said: {text}', { text: chat.kickText })}` : plain;
}

function Banner() {
  if (chat.connection === 'kicked' || chat.connection === 'refused') {
    return (
      <div class="banner bad" role="alert">
        <p>
          {endText()}
        </p>
        <button type="button" onClick={() => chat.signOut()}>{t('Sign in again')}</button>
      </div>
    );
  }
  if (chat.connection !== 'connected') {
    return (
      <div class="banner" role="status">
        <p>{t('No connection. Trying again; what you write is sent as soon as it is back.')}</p>
      </div>
    );
  }
  if (chat.trouble) return <div class="banner bad" role="alert"><p>{chat.trouble}</p></div>;
  return null;
}

export function Workspace(props: LanguageProps) {
  const [dialog, setDialog] = useState<'new' | 'batch' | null>(null);
  const conversations = chat.sorted();
  const active = chat.conversation(chat.active);
  const unread = conversations.reduce((sum, one) => sum + one.unread, 0);
  useEffect(() => {
    document.title = unread > 0 ? `(${unread}) ${t('Jindou chat')}` : t('Jindou chat');
    return () => { document.title = t('Jindou chat'); };
  }, [unread, props.language]);

  return (
    <div class={active ? 'workspace reading' : 'workspace'}>
      <Banner />
      <aside>
        <header class="bar">
          <Avatar id={chat.uid} type={kPerson} />
          <div class="who">
            <strong>{chat.uid}</strong>
            <span class={`state ${chat.connection}`} role="status" data-state={chat.connection}
                  data-syncing={chat.catchingUp}>
              {chat.catchingUp ? t('Fetching what was missed…') : stateText(chat.connection)}
            </span>
          </div>
          <button type="button" class="quiet round" aria-label={t('Sign out')}
                  title={t('Sign out')} onClick={() => chat.signOut()}>
            <Icon name="leave" />
          </button>
        </header>
        <div class="row actions">
          <button type="button" class="primary grow" onClick={() => setDialog('new')}>
            <Icon name="plus" />{t('New chat')}
          </button>
          <button type="button" class="grow" onClick={() => setDialog('batch')}>
            <Icon name="batch" />{t('Send a batch')}
          </button>
        </div>
        <nav aria-label={t('Conversations')}>
          {conversations.length > 0
            ? (
              <ul role="list">
                {conversations.map((one) => <ConversationItem key={one.key} conversation={one} />)}
              </ul>
            )
            : (
              <div class="empty">
                <strong>{t('No conversations yet')}</strong>
                <p>{t('Write to somebody, or create a group.')}</p>
              </div>
            )}
        </nav>
        <footer class="row">
          <span class="hint ellipsis" title={chat.api.url}>{chat.api.url}</span>
          <LanguageSwitch {...props} />
        </footer>
      </aside>
      <main>
        {active
          ? <ConversationView key={active.key} conversation={active} />
          : (
            <div class="empty middle">
              <span class="logo big" aria-hidden="true" />
              <strong>{t('Pick a conversation')}</strong>
              <p>{t('Open this page in a second window as somebody else, and write to each other.')}</p>
            </div>
          )}
      </main>
      {dialog === 'new' && <NewChatDialog onClose={() => setDialog(null)} />}
      {dialog === 'batch' && (
        <BatchDialog known={chat.groups()} selected={active?.type === kGroup ? active.id : ''}
                     onClose={() => setDialog(null)} />
      )}
      {chat.toast && <div class="toast" role="status">{chat.toast}</div>}
    </div>
  );
}
