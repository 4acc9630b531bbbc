// The addresses in a text, so that they can be clicked. Only http and https: whoever writes a message
// decides what stands in it.

// A part of a text; with `href` it is a link.
export interface Piece {
  text: string;
  href: string | null;
}

// Up to the next blank, quote or bracket, or what Chinese writes without a blank before it.
const kAddress = /\bhttps?:\/\/[^\s<>"'`{}|\\^，。！？；：、（）《》「」【】]+/gi;
// What ends a sentence, not an address.
const kTrailing = /[.,;:!?*_~]+$/;

// The address in the form in which it may be followed; null when it is no http or https address.
export function safeUrl(text: string): string | null {
  try {
    const url = new URL(text);
    return url.protocol === 'http:' || url.protocol === 'https:' ? url.href : null;
  } catch {
    return null;
  }
}

function count(text: string, letter: string): number {
  return text.split(letter).length - 1;
}

// Without the sentence's own marks, and a closing bracket that was opened before the address.
function trimmed(address: string): string {
  for (let text = address; ;) {
    let next = text.replace(kTrailing, '');
    for (const [open, close] of ['()', '[]']) {
      if (next.endsWith(close) && count(next, close) > count(next, open)) next = next.slice(0, -1);
    }
    if (next === text) return text;
    text = next;
  }
}

export function pieces(text: string): Piece[] {
  const found: Piece[] = [];
  let end = 0;
  for (const match of text.matchAll(kAddress)) {
    const address = trimmed(match[0]);
    const href = safeUrl(address);
    if (href === null) continue;
    if (match.index > end) found.push({ text: text.slice(end, match.index), href: null });
    found.push({ text: address, href });
    end = match.index + address.length;
  }
  if (end < text.length) found.push({ text: text.slice(end), href: null });
  return found;
}
