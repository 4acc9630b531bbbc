// The settings in force and where each is from. Secrets are not told, only whether they are set.
import { useState } from 'preact/hooks';

import { translator } from '../language';
import { Field } from '../widgets';
import { useLoaded } from './hooks';
import { Rows } from './listing';
import { call } from './session';
import { Empty, Head, Loading, Problem, Tag } from './states';
import { kCommon } from './words';

const t = translator({
  ...kCommon,
  'As the server runs now. A change is written to the file and taken over with SIGHUP (systemctl reload jindou).':
    '服务器当前使用的配置。修改写入文件后用 SIGHUP（systemctl reload jindou）生效。',
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

export function Configuration() {
  const [part, setPart] = useState('');
  const [changed, setChanged] = useState(false);
  const loaded = useLoaded('configuration', (signal) => call<{ file: string; items: Setting[] }>(
    '/manager/config', { signal }));
  const shown = (loaded.value?.items ?? []).filter(
    (one) => one.key.toLowerCase().includes(part.trim().toLowerCase())
      && (!changed || one.origin !== 'default'));
  return (
    <>
      <Head title={t('Configuration')} text={t('As the server runs now. A change is written to the file and taken over with SIGHUP (systemctl reload jindou).')} />
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
