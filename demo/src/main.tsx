import './base.css';
import './style.css';

import { render } from 'preact';
import { useEffect, useReducer } from 'preact/hooks';

import { chat } from './chat';
import { locale, useLanguage } from './i18n';
import { SignIn } from './sign_in';
import { Workspace } from './workspace';

function App() {
  const [, redraw] = useReducer((count: number) => count + 1, 0);
  useEffect(() => chat.subscribe(() => redraw(undefined)), []);
  const [language, setLanguage] = useLanguage();
  const props = { language, setLanguage };
  return chat.phase === 'in' ? <Workspace {...props} /> : <SignIn {...props} />;
}

chat.resume();
document.documentElement.lang = locale();
render(<App />, document.getElementById('app')!);
