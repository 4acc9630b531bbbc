// From the bytes of a message to what is shown of it. Everything is text in the end.

import { safeUrl } from './links';

export interface Picture {
  url: string; // http or https
  // In pixels; 0 when the message does not say.
  width: number;
  height: number;
}

export interface Content {
  text: string;
  // What the text is not: '' for an ordinary text, else what kind of message this is.
  kind: '' | 'other' | 'binary' | 'picture';
  // The content type of the WuKongIM convention; 0 when the payload does not follow it.
  type: number;
  picture?: Picture; // of the kind 'picture'
}

const kPicture = 2;
const kCommand = 99;

export function isCommand(content: Content): boolean {
  return content.type === kCommand;
}

function pixels(value: unknown): number {
  return typeof value === 'number' && value >= 1 && value <= 65_535 ? Math.round(value) : 0;
}

// Payloads are any bytes. By convention they are JSON with a numeric "type", 1 being a text in
// "content", 2 a picture at "url"; what people post with curl often is plain text.
export function readPayload(bytes: Uint8Array): Content {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return { text: '', kind: 'binary', type: 0 };
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { text, kind: '', type: 0 };
  }
  if (typeof value !== 'object' || value === null) return { text, kind: '', type: 0 };
  const { type, content, url, width, height } = value as Record<string, unknown>;
  const known = typeof type === 'number' ? type : 0;
  const source = known === kPicture && typeof url === 'string' ? safeUrl(url) : null;
  if (source !== null) {
    const picture = { url: source, width: pixels(width), height: pixels(height) };
    return { text: '', kind: 'picture', type: known, picture };
  }
  if (typeof content === 'string') return { text: content, kind: '', type: known };
  return { text, kind: 'other', type: known };
}

export function textPayload(text: string): Uint8Array {
  return new TextEncoder().encode(JSON.stringify({ type: 1, content: text }));
}

export function toBase64(bytes: Uint8Array): string {
  let binary = '';
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary);
}

export function fromBase64(text: string): Uint8Array {
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; ++i) bytes[i] = binary.charCodeAt(i);
  return bytes;
}
