// Small pieces that several views of the chat page use.
import { kGroup, kPerson, kSystem } from './api';
import { chat } from './chat';
import { locale, t } from './i18n';
import type { Content } from './payload';

export { Dialog, Field, Icon, LanguageSwitch, splitIds, type IconName, type LanguageProps }
  from './widgets';

const kHues = 8;

function hueOf(text: string): number {
  let hash = 2166136261; // FNV-1a
  for (const letter of text) hash = Math.imul(hash ^ letter.codePointAt(0)!, 16777619);
  return (hash >>> 11) % kHues;
}

// A letter in a circle, a square for groups; `online` undefined draws no dot.
export function Avatar(props: { id: string; type: number; online?: boolean }) {
  const name = props.type === kPerson ? authorName(props.id) : props.id;
  const letter = [...name][0]?.toUpperCase() ?? '?';
  return (
    <span class={`avatar hue-${hueOf(props.id)} ${props.type === kGroup ? 'square' : ''}`}
          aria-hidden="true">
      {letter}
      {props.online !== undefined && <i class={props.online ? 'dot on' : 'dot'} />}
    </span>
  );
}

export function contentText(content: Content): string {
  if (content.kind === 'binary') return t('a payload that is no text');
  if (content.kind === 'picture') return t('an image');
  return content.text;
}

// Empty when it is not known.
export function onlineText(uid: string): string {
  const online = chat.online.get(uid);
  return online === undefined ? '' : online ? t('online') : t('offline');
}

// Who wrote a message, or who a channel is with.
export function authorName(uid: string): string {
  return uid === '' || uid === kSystem ? t('system') : uid;
}

function dayNumber(date: Date): number {
  return Math.floor((date.getTime() - date.getTimezoneOffset() * 60_000) / 86_400_000);
}

export function dayOf(timestamp: number): number {
  return dayNumber(new Date(timestamp * 1000));
}

export function dayText(timestamp: number): string {
  const date = new Date(timestamp * 1000);
  const ago = dayNumber(new Date()) - dayNumber(date);
  if (ago === 0) return t('Today');
  if (ago === 1) return t('Yesterday');
  return new Intl.DateTimeFormat(locale(), { weekday: 'short', day: 'numeric', month: 'long',
                                             year: ago > 300 ? 'numeric' : undefined }).format(date);
}

export function clockText(timestamp: number): string {
  return new Intl.DateTimeFormat(locale(), { hour: '2-digit', minute: '2-digit' })
    .format(new Date(timestamp * 1000));
}

// For the list: the time of today, else the day.
export function shortTime(timestamp: number): string {
  const date = new Date(timestamp * 1000);
  const ago = dayNumber(new Date()) - dayNumber(date);
  if (ago === 0) return clockText(timestamp);
  if (ago === 1) return t('Yesterday');
  return new Intl.DateTimeFormat(locale(), { day: 'numeric', month: 'short' }).format(date);
}
