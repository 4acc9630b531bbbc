// Reason codes of the protocol, in words.
import { type Sentence, t } from './i18n';

const kReasons: Record<number, Sentence> = {
  2: 'the token is missing or wrong',
  3: 'the sender is no member of the channel',
  4: 'the sender is on the denylist',
  5: 'the channel does not exist',
  9: 'the payload cannot be read, or is too large',
  11: 'the sender may not write here',
  12: 'signed in elsewhere',
  13: 'the sender is not on the allowlist',
  15: 'an error of the server',
  16: 'the channel id is not valid',
  19: 'the channel or the user is banned',
  22: 'too many at once',
  23: 'a channel of this type does not exist',
  24: 'the channel was disbanded',
  25: 'sending is switched off here',
};

// Of the page itself: the user signed out before the message was sent.
export const kSignedOut = -1;

export function reasonText(reason: number): string {
  if (reason === kSignedOut) return t('signed out');
  const sentence = kReasons[reason];
  return sentence ? t(sentence) : t('reason code {reason}', { reason });
}
