// One conversation: its head, its messages, what is being written.
import { Fragment, type ComponentChildren } from 'preact';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';

import { kGroup, kPerson } from './api';
import { chat, type Conversation } from './chat';
import { GroupDialog } from './group_dialog';
import { t } from './i18n';
import { pieces } from './links';
import { authorName, Avatar, clockText, contentText, dayOf, dayText, Icon, onlineText } from './parts';
import type { Content, Picture as PictureOf } from './payload';
import { reasonText } from './reasons';
import type { Entry } from './timeline';

// Messages of one author within this time stand together.
const kTogether = 5 * 60;
// Distance from the lower end within which new messages are followed.
const kNearEnd = 120;
// Distance from the upper end at which older messages are fetched.
const kNearBeginning = 60;
// Well below what a server takes in one message, in UTF-8 and encrypted.
const kTextMax = 8_000;

function StatusLine({ entry, conversation }: { entry: Entry; conversation: Conversation }) {
  if (entry.status === 'failed') {
    return (
      <span class="status bad">
        {t('not sent: {why}', { why: reasonText(entry.reason) })}
        {chat.connection !== 'kicked' && (
          <button type="button" class="link" onClick={() => chat.sendAgain(conversation, entry)}>
            {t('Send again')}
          </button>
        )}
      </span>
    );
  }
  const own = entry.from === chat.uid;
  const waiting = entry.status === 'sending' && chat.connection !== 'connected';
  const words = waiting ? t('waiting for the connection')
    : entry.status === 'sending' ? t('sending') : t('sent');
  return (
    <span class="status">
      {entry.status === 'sent' && entry.seq === 0 && <span>{t('not stored')}</span>}
      {waiting && <span>{words}</span>}
      <time>{clockText(entry.timestamp)}</time>
      {own && (
        <span role="img" aria-label={words} title={words}>
          <Icon name={entry.status === 'sent' ? 'check' : 'clock'} />
        </span>
      )}
    </span>
  );
}

// To another page, which learns nothing of this one.
function Outward(props: { href: string; class?: string; children: ComponentChildren }) {
  return (
    <a href={props.href} class={props.class} target="_blank" rel="noopener noreferrer">
      {props.children}
    </a>
  );
}

function Text({ text }: { text: string }) {
  return (
    <span class="text">
      {pieces(text).map((piece) => (
        piece.href === null ? piece.text : <Outward href={piece.href}>{piece.text}</Outward>
      ))}
    </span>
  );
}

function Picture({ url, width, height }: PictureOf) {
  const [broken, setBroken] = useState(false);
  // Its place is kept free while it loads, when the message says how large it is.
  const size = width > 0 && height > 0 ? { width, height } : {};
  return (
    <span class="text">
      <Outward href={url} class="picture">
        {broken ? t('an image that cannot be shown: {url}', { url })
          : <img src={url} {...size} alt={t('an image')} loading="lazy" referrerpolicy="no-referrer"
                 onError={() => setBroken(true)} />}
      </Outward>
    </span>
  );
}

function MessageText({ content }: { content: Content }) {
  if (content.picture) return <Picture {...content.picture} />;
  if (content.kind === '') return <Text text={content.text} />;
  return <span class="text raw">{contentText(content)}</span>;
}

function MessageItem(props: { entry: Entry; first: boolean; conversation: Conversation }) {
  const { entry, first, conversation } = props;
  const own = entry.from === chat.uid;
  const withAuthor = !own && conversation.type !== kPerson;
  const kind = entry.content.kind;
  return (
    <li class={`message ${own ? 'own' : ''} ${first ? 'first' : ''} ${entry.status}`}
        data-seq={entry.seq} data-status={entry.status}>
      {withAuthor && (first ? <Avatar id={entry.from} type={kPerson} /> : <span class="avatar none" />)}
      <div class="bubble">
        {withAuthor && first && <span class="author" title={entry.from}>{authorName(entry.from)}</span>}
        {kind === 'other' && (
          <span class="kind">{t('message of type {type}', { type: entry.content.type })}</span>
        )}
        <MessageText content={entry.content} />
        <StatusLine entry={entry} conversation={conversation} />
      </div>
    </li>
  );
}

function Messages({ conversation }: { conversation: Conversation }) {
  const timeline = chat.timeline(conversation.key);
  const { entries } = timeline;
  const loading = chat.isLoading(conversation.key);
  const box = useRef<HTMLDivElement>(null);
  // Where the view stood before the last change: at the end, or how far from it.
  const stuck = useRef(true);
  const fromEnd = useRef(0);
  const firstKey = useRef('');
  const [below, setBelow] = useState(false);

  const scrolled = () => {
    const node = box.current;
    if (!node) return;
    fromEnd.current = node.scrollHeight - node.scrollTop - node.clientHeight;
    stuck.current = fromEnd.current < kNearEnd;
    if (stuck.current) setBelow(false);
    if (node.scrollTop < kNearBeginning && !loading) void chat.loadOlder(conversation);
  };
  const toEnd = () => {
    stuck.current = true;
    setBelow(false);
    if (box.current) box.current.scrollTop = box.current.scrollHeight;
  };

  const newest = entries[entries.length - 1];
  useLayoutEffect(() => {
    const node = box.current;
    if (!node) return;
    const first = entries[0]?.key ?? '';
    if (stuck.current) {
      node.scrollTop = node.scrollHeight;
    } else if (first !== firstKey.current) {
      // Older ones came in above: what is read stays where it is.
      node.scrollTop = node.scrollHeight - node.clientHeight - fromEnd.current;
    }
    firstKey.current = first;
  }, [entries.length, entries[0]?.key, loading]);
  useEffect(() => {
    if (!newest) return;
    if (newest.from === chat.uid && newest.status === 'sending') toEnd();
    else if (!stuck.current) setBelow(true);
  }, [newest?.key]);
  useEffect(() => {
    const node = box.current;
    if (!node) return;
    // Another height, such as with a keyboard on the screen, must not hide the end.
    const watch = new ResizeObserver(() => {
      if (stuck.current) node.scrollTop = node.scrollHeight;
    });
    watch.observe(node);
    return () => watch.disconnect();
  }, []);

  return (
    <div class="messages-frame">
      <div class="messages" ref={box} onScroll={scrolled} tabIndex={0}
           onLoadCapture={() => { if (stuck.current) toEnd(); }}>
        <div class="top" data-loading={loading}>
          {loading && <span class="hint">{t('Loading…')}</span>}
          {!loading && timeline.loaded && !timeline.complete && (
            <button type="button" class="link" onClick={() => void chat.loadOlder(conversation)}>
              {t('Earlier messages')}
            </button>
          )}
          {timeline.complete && (
            <span class="hint">
              {entries.length > 0 ? t('This is the beginning.') : t('No messages yet. Say hello.')}
            </span>
          )}
        </div>
        <div class="log" role="log" aria-label={authorName(conversation.id)}>
          <ol role="list">
            {entries.map((entry, index) => {
              const before = entries[index - 1];
              const newDay = !before || dayOf(before.timestamp) !== dayOf(entry.timestamp);
              const first = newDay || before.from !== entry.from
                || entry.timestamp - before.timestamp > kTogether;
              return (
                <Fragment key={entry.key}>
                  {newDay && <li class="day"><span>{dayText(entry.timestamp)}</span></li>}
                  <MessageItem entry={entry} first={first} conversation={conversation} />
                </Fragment>
              );
            })}
          </ol>
        </div>
      </div>
      {below && (
        <button type="button" class="below" onClick={toEnd}>
          <Icon name="down" />{t('New messages')}
        </button>
      )}
    </div>
  );
}

function Composer({ conversation }: { conversation: Conversation }) {
  // Kept with the conversation while another one is looked at.
  const [text, setState] = useState(conversation.draft);
  const setText = (next: string) => {
    conversation.draft = next;
    setState(next);
  };
  const input = useRef<HTMLTextAreaElement>(null);
  const ended = chat.connection === 'kicked' || chat.connection === 'refused';
  useEffect(() => {
    // On a touch screen the keyboard would hide what was just opened.
    if (matchMedia('(hover: hover)').matches) input.current?.focus();
  }, []);
  useLayoutEffect(() => {
    const node = input.current;
    if (!node) return;
    node.style.height = 'auto';
    node.style.height = `${node.scrollHeight + 2}px`;
  }, [text]);
  const submit = () => {
    const trimmed = text.trim();
    if (trimmed === '' || ended) return;
    chat.send(conversation, trimmed);
    setText('');
    input.current?.focus();
  };
  return (
    <form class="composer" onSubmit={(event) => { event.preventDefault(); submit(); }}>
      <textarea ref={input} rows={1} value={text} maxLength={kTextMax} disabled={ended}
                aria-label={t('Message')} placeholder={t('Write a message')}
                title={t('Enter sends, Shift+Enter begins a new line')}
                onInput={(event) => setText(event.currentTarget.value)}
                onKeyDown={(event) => {
                  // While an input method composes, Enter belongs to it.
                  if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
                  event.preventDefault();
                  submit();
                }} />
      <button type="submit" class="primary round" aria-label={t('Send')} title={t('Send')}
              disabled={text.trim() === '' || ended}><Icon name="send" /></button>
    </form>
  );
}

function subtitle(conversation: Conversation): string {
  if (conversation.type === kPerson) {
    return onlineText(conversation.id);
  }
  const members = chat.members.get(conversation.id);
  if (!members) return t('group');
  if (members.length === 1) return t('1 member');
  if (!members.some((uid) => chat.online.has(uid))) {
    return t('{count} members', { count: members.length });
  }
  return t('{count} members, {online} online', {
    count: members.length, online: members.filter((uid) => chat.online.get(uid)).length,
  });
}

export function ConversationView({ conversation }: { conversation: Conversation }) {
  const [details, setDetails] = useState(false);
  const { id, type } = conversation;
  const online = type === kPerson ? chat.online.get(id) : undefined;
  return (
    <section class="conversation-view" aria-label={authorName(id)}>
      <header class="bar">
        <button type="button" class="quiet round back" aria-label={t('Back to the conversations')}
                onClick={() => chat.close()}><Icon name="back" /></button>
        <Avatar id={id} type={type} online={online} />
        <div class="who">
          <strong>{authorName(id)}</strong>
          <span class="hint" data-presence={online}>{subtitle(conversation)}</span>
        </div>
        {type === kGroup && (
          <button type="button" class="quiet round" aria-label={t('Members')} title={t('Members')}
                  onClick={() => setDetails(true)}><Icon name="people" /></button>
        )}
      </header>
      <Messages conversation={conversation} />
      <Composer conversation={conversation} />
      {details && <GroupDialog group={id} onClose={() => setDetails(false)} />}
    </section>
  );
}
