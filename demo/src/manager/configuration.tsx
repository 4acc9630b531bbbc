// The settings in force and where each is from, and how they are read again. Secrets are not told, only
// whether they are set.
import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';

import { translator } from '../language';
import { Field } from '../widgets';
import { useLoaded } from './hooks';
import { Rows } from './listing';
import { call } from './session';
import { Action, Empty, Facts, Head, Loading, Notice, Problem, Rights, Tag } from './states';
import { kCommon } from './words';

const t = translator({
  ...kCommon,
  'As the server runs now. A change is written to the file; a reload takes it over, as SIGHUP (systemctl reload jindou) does.':
    '服务器当前使用的配置。修改写入文件，再重新加载即生效，与 SIGHUP（systemctl reload jindou）相同。',
  'Reload': '重新加载',
  'Read the settings again?': '重新读取配置？',
  'The file, the environment and the flags of the start are read. What may change while the server runs counts at once. When anything is wrong, nothing changes.':
    '读取配置文件、启动时的环境变量和命令行参数。可在运行中更改的立即生效；只要有一处错误，就什么都不变。',
  'The settings were read again.': '已重新读取配置。',
  'What the reload did': '重新加载的结果',
  'Taken over': '已生效',
  'Waits for a restart': '等待重启',
  'Without effect': '无效果',
  'The file: {file}': '配置文件：{file}',
  'No file was read.': '没有读取配置文件。',
  'The name contains': '名称包含',
  'Without defaults': '不显示默认值',
  'Setting': '设置',
  'Value': '值',
  'From': '来源',
  'empty': '空',
  'No setting has this in its name.': '没有名称包含此文本的设置。',
  'Type less of it, or show the defaults as well.': '请缩短输入，或同时显示默认值。',
});

interface Setting {
  key: string;
  value: string;
  origin: string;
}

interface Outcome {
  applied: string[];
  waiting: string[];
  warnings: string[];
}

// What a reload did, until the view is left.
function ReloadReport(props: { outcome: Outcome }) {
  const names = (list: string[], kind?: 'warn') => (list.length === 0 ? t('none') : (
    <ul class="plainlist">
      {list.map((one) => (
        <li key={one}><span class={`mono block-line ${kind === 'warn' ? 'warning' : ''}`}>{one}</span></li>
      ))}
    </ul>
  ));
  const { applied, waiting, warnings } = props.outcome;
  const rows: [string, ComponentChildren][] = [
    [t('Taken over'), names(applied)], [t('Waits for a restart'), names(waiting, 'warn')],
  ];
  if (warnings.length > 0) rows.push([t('Without effect'), names(warnings)]);
  return (
    <section class="panel" aria-label={t('What the reload did')}>
      <h2>{t('What the reload did')}</h2>
      <Facts rows={rows} />
    </section>
  );
}

export function Configuration() {
  const [part, setPart] = useState('');
  const [outcome, setOutcome] = useState<Outcome | null>(null);
  const [changed, setChanged] = useState(false);
  const loaded = useLoaded('configuration', (signal) => call<{ file: string; items: Setting[] }>(
    '/manager/config', { signal }));
  const shown = (loaded.value?.items ?? []).filter(
    (one) => one.key.toLowerCase().includes(part.trim().toLowerCase())
      && (!changed || one.origin !== 'default'));
  return (
    <>
      <Head title={t('Configuration')} text={t('As the server runs now. A change is written to the file; a reload takes it over, as SIGHUP (systemctl reload jindou) does.')}>
        <Action label={t('Reload')} title={t('Read the settings again?')} kind="primary" resource="config"
                run={async () => {
                  setOutcome(await call<Outcome>('/config/reload', { method: 'POST' }));
                }}
                done={loaded.reload}>
          <p>{t('The file, the environment and the flags of the start are read. What may change while the server runs counts at once. When anything is wrong, nothing changes.')}</p>
        </Action>
      </Head>
      <Rights resources={['config']} />
      <Notice text={outcome === null ? '' : t('The settings were read again.')} />
      {outcome !== null && <ReloadReport outcome={outcome} />}
      {loaded.error && <Problem error={loaded.error} retry={loaded.reload} />}
      {loaded.value === null && !loaded.error && <Loading />}
      {loaded.value !== null && (
        <>
          <p class="hint rights">
            {loaded.value.file === '' ? t('No file was read.') : t('The file: {file}', { file: loaded.value.file })}
          </p>
          <div class="filters">
            <Field label={t('The name contains')}>
              <input type="text" value={part} spellcheck={false}
                     onInput={(event) => setPart(event.currentTarget.value)} />
            </Field>
            <label class="check">
              <input type="checkbox" checked={changed}
                     onChange={(event) => setChanged(event.currentTarget.checked)} />
              <span>{t('Without defaults')}</span>
            </label>
          </div>
          {shown.length === 0
            ? <Empty what={t('No setting has this in its name.')}>{t('Type less of it, or show the defaults as well.')}</Empty>
            : (
              <section class="listing" aria-label={t('Configuration')}>
                <Rows<Setting>
                  caption={t('Configuration')} items={shown} keyOf={(one) => one.key}
                  columns={[
                    { name: t('Setting'), cell: (one) => <span class="mono">{one.key}</span> },
                    { name: t('Value'), cell: (one) => (
                      one.value === '' || one.value === '""' ? <span class="hint">{t('empty')}</span>
                        : <span class="mono">{one.value}</span>
                    ) },
                    { name: t('From'), cell: (one) => (
                      <Tag kind={one.origin === 'default' ? undefined : 'good'}>{one.origin}</Tag>
                    ) },
                  ]} />
              </section>
            )}
        </>
      )}
    </>
  );
}
