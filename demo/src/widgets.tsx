// Small pieces that all pages use.
import { cloneElement, type ComponentChildren, type VNode } from 'preact';
import { useEffect, useId, useRef } from 'preact/hooks';

import { type Language, translator } from './language';

const t = translator({ Language: '语言', Close: '关闭' });

export interface LanguageProps {
  language: Language;
  setLanguage: (next: Language) => void;
}

const kIcons = {
  back: 'M15 5l-7 7 7 7',
  plus: 'M12 5v14M5 12h14',
  close: 'M6 6l12 12M18 6L6 18',
  send: 'M4.5 12h14M12.5 5.5l6.5 6.5-6.5 6.5',
  people: 'M9 11.5a3.2 3.2 0 1 0 0-6.4 3.2 3.2 0 0 0 0 6.4ZM3 19c.4-3 2.8-4.8 6-4.8s5.6 1.8 6 4.8'
    + 'M15.5 11.3a2.9 2.9 0 0 0 .6-5.7M17.4 14.5c2 .6 3.3 2.1 3.6 4.5',
  batch: 'M4 7h10M4 12h10M4 17h6M17 9l4 4-4 4',
  leave: 'M10 5H6a1 1 0 0 0-1 1v12a1 1 0 0 0 1 1h4M14 8l4 4-4 4M18 12H9',
  down: 'M12 5v14M6 13l6 6 6-6',
  check: 'M5 12.5l4.5 4.5L19 7.5',
  cross: 'M7 7l10 10M17 7L7 17',
  repeat: 'M5 11a7 7 0 0 1 12.5-3.5L19 9M19 4.5V9h-4.5M19 13a7 7 0 0 1-12.5 3.5L5 15M5 19.5V15h4.5',
  clock: 'M12 7v5l3 2M12 20a8 8 0 1 0 0-16 8 8 0 0 0 0 16Z',
} as const;

export type IconName = keyof typeof kIcons;

export function Icon(props: { name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true">
      <path d={kIcons[props.name]} />
    </svg>
  );
}

export function LanguageSwitch({ language, setLanguage }: LanguageProps) {
  return (
    <div class="languages" role="group" aria-label={t('Language')}>
      <button type="button" lang="en" aria-pressed={language === 'en'}
              onClick={() => setLanguage('en')}>EN</button>
      <button type="button" lang="zh-CN" aria-pressed={language === 'zh'}
              onClick={() => setLanguage('zh')}>中文</button>
    </div>
  );
}

// A modal dialog: Escape, the cross and a click beside it close it.
export function Dialog(props: { title: string; wide?: boolean; onClose: () => void;
                                children: ComponentChildren }) {
  const ref = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    ref.current?.showModal();
  }, []);
  return (
    <dialog ref={ref} class={props.wide ? 'wide' : ''} aria-label={props.title}
            onClose={props.onClose}
            onMouseDown={(event) => {
              if (event.target === ref.current) ref.current?.close();
            }}>
      <div class="dialog-body">
        <header>
          <h2>{props.title}</h2>
          <button type="button" class="quiet round" aria-label={t('Close')}
                  onClick={() => ref.current?.close()}><Icon name="close" /></button>
        </header>
        {props.children}
      </div>
    </dialog>
  );
}

// A labelled control; the hint describes it.
export function Field(props: { label: string; hint?: string; children: VNode<object> }) {
  const id = useId();
  return (
    <div class="field">
      <label for={id}>{props.label}</label>
      {cloneElement(props.children, { id, 'aria-describedby': props.hint ? `${id}-hint` : undefined })}
      {props.hint && <span class="hint" id={`${id}-hint`}>{props.hint}</span>}
    </div>
  );
}

// "a, b\nc" as its parts, each once.
export function splitIds(text: string): string[] {
  return [...new Set(text.split(/[\s,，、;；]+/).filter((part) => part !== ''))];
}
