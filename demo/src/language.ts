// Which of the two languages a page speaks, and how its sentences become Chinese. Each page has its
// own sentences; the choice is one for all pages of an origin.
import { useState } from 'preact/hooks';

export type Language = 'en' | 'zh';
export type Values = Record<string, string | number>;

const kStored = 'jindou.language';

function initial(): Language {
  const stored = localStorage.getItem(kStored);
  if (stored === 'en' || stored === 'zh') return stored;
  return navigator.language.toLowerCase().startsWith('zh') ? 'zh' : 'en';
}

let current = initial();

// For Intl and the lang attribute.
export function locale(): string {
  return current === 'zh' ? 'zh-CN' : 'en-GB';
}

// What says a sentence of `chinese` in the language of the page. Its keys are English.
export function translator<S extends string>(chinese: Readonly<Record<S, string>>) {
  return (sentence: S, values: Values = {}): string => {
    const text: string = current === 'zh' ? chinese[sentence] : sentence;
    return text.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
  };
}

// The language and how to change it; the component that uses it is drawn again, and what it shows.
export function useLanguage(): [Language, (next: Language) => void] {
  const [shown, show] = useState(current);
  return [shown, (next) => {
    current = next;
    localStorage.setItem(kStored, next);
    document.documentElement.lang = locale();
    show(next);
  }];
}
