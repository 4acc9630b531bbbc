// Numbers, times and payloads as people read them.
import { locale } from '../language';

export function count(value: number): string {
  return new Intl.NumberFormat(locale(), { maximumFractionDigits: value < 10 ? 1 : 0 })
    .format(value);
}

const kUnits = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];

export function bytes(value: number): string {
  let unit = 0;
  while (value >= 1024 && unit < kUnits.length - 1) {
    value /= 1024;
    ++unit;
  }
  return `${count(value)} ${kUnits[unit]}`;
}

// "250 µs", "3.2 ms", "1.5 s"
export function duration(seconds: number): string {
  if (seconds < 0.001) return `${count(seconds * 1e6)} µs`;
  if (seconds < 1) return `${count(seconds * 1000)} ms`;
  return `${count(seconds)} s`;
}

// "3 d 4 h", "5 min": two units are enough.
export function span(seconds: number): string {
  const units: [number, string][] = [[86_400, 'd'], [3600, 'h'], [60, 'min'], [1, 's']];
  const first = units.findIndex(([size]) => seconds >= size);
  if (first === -1) return '0 s';
  const [size, name] = units[first];
  const whole = Math.floor(seconds / size);
  const next = units[first + 1];
  const rest = next === undefined ? 0 : Math.floor((seconds - whole * size) / next[0]);
  return rest === 0 ? `${whole} ${name}` : `${whole} ${name} ${rest} ${next[1]}`;
}

// Of seconds since 1970.
export function time(seconds: number): string {
  return new Intl.DateTimeFormat(locale(), { dateStyle: 'medium', timeStyle: 'medium' })
    .format(new Date(seconds * 1000));
}

const kTypes: Record<number, [string, string]> = {
  1: ['person', '单聊'],
  2: ['group', '群组'],
  3: ['customer service', '客服'],
  4: ['community', '社区'],
  5: ['community topic', '社区话题'],
  6: ['info', '资讯'],
  7: ['data', '数据'],
  8: ['temporary', '临时'],
  9: ['live', '直播'],
  10: ['visitors', '访客'],
  11: ['agent', '智能体'],
  12: ['agent group', '智能体群'],
};

// "2 group"
export function typeName(type: number): string {
  const names = kTypes[type];
  return names === undefined ? String(type) : `${type} ${names[locale() === 'zh-CN' ? 1 : 0]}`;
}

export const channelTypes = Object.keys(kTypes).map(Number);

const kDevices: Record<number, string> = { 0: 'app', 1: 'web', 2: 'desktop', 99: 'system' };

export function deviceName(flag: number): string {
  return kDevices[flag] ?? String(flag);
}

// A payload as text: JSON on lines of its own, other UTF-8 as it is, anything else as it came.
export function payloadText(base64: string): string {
  try {
    const raw = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
    const text = new TextDecoder('utf-8', { fatal: true }).decode(raw);
    try {
      return JSON.stringify(JSON.parse(text), null, 2);
    } catch {
      return text;
    }
  } catch {
    return base64;
  }
}

// The text that people read in it, on one line.
export function payloadLine(base64: string): string {
  const text = payloadText(base64);
  try {
    const { content } = JSON.parse(text) as { content?: unknown };
    if (typeof content === 'string') return content;
  } catch {
    // No JSON.
  }
  return text.replace(/\s+/g, ' ');
}
