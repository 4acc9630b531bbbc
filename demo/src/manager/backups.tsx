// The backups that there are, and how one is made now.
import { useState } from 'preact/hooks';

import { translator } from '../language';
import { bytes, count, time } from './format';
import { useLoaded } from './hooks';
import { Rows } from './listing';
import { call } from './session';
import { Action, Empty, Head, Loading, Notice, Problem, Rights, Tag } from './states';
import { kCommon } from './words';

const t = translator({
  ...kCommon,
  'Whole copies of the running server, the newest first. jindou verify and jindou restore take their directories.':
    '运行中服务器的完整副本，最新的在前。jindou verify 和 jindou restore 使用其目录。',
  'Back up now': '立即备份',
  'Make a backup?': '要创建备份吗？',
  'All that is acknowledged by now is in it. Sends go on meanwhile.': '其中包含目前为止已确认的全部内容，期间发送不受影响。',
  '{name} is made.': '{name} 已创建。',
  'One is being made.': '正在创建备份。',
  'Backups are switched off.': '备份已关闭。',
  'Set backup.dir to a directory on another disk, and restart.': '将 backup.dir 设为另一磁盘上的目录，然后重启。',
  'There is no backup.': '没有备份。',
  'Make one now, and let a timer make more: jindou backup.': '立即创建一个，并用定时器定期执行 jindou backup。',
  'Backup': '备份',
  'Made': '创建时间',
  'Size': '大小',
  'Shared when it was made': '创建时共享',
  'Files': '文件数',
  'Directory': '目录',
});

interface Backup {
  name: string;
  directory: string;
  made_at: number;
  files: number;
  bytes: number;
  linked_bytes: number;
}

export function Backups() {
  const [notice, setNotice] = useState('');
  const loaded = useLoaded('backups', (signal) => call<{ backups: Backup[]; making: boolean }>(
    '/backups', { signal }), 5000);
  const off = loaded.error?.status === 404;
  const all = loaded.value?.backups ?? [];
  return (
    <>
      <Head title={t('Backups')} text={t('Whole copies of the running server, the newest first. jindou verify and jindou restore take their directories.')}>
        {!off && (
          <Action label={t('Back up now')} title={t('Make a backup?')} kind="primary"
                  resource="backups"
                  run={async () => {
                    const made = await call<Backup>('/backups', { method: 'POST', timeout: 0 });
                    setNotice(t('{name} is made.', { name: made.name }));
                  }}
                  done={loaded.reload}>
            <p>{t('All that is acknowledged by now is in it. Sends go on meanwhile.')}</p>
          </Action>
        )}
      </Head>
      <Rights resources={['backups']} />
      <Notice text={notice} />
      {loaded.value?.making && <p><Tag kind="warn">{t('One is being made.')}</Tag></p>}
      {off && (
        <Empty what={t('Backups are switched off.')}>{t('Set backup.dir to a directory on another disk, and restart.')}</Empty>
      )}
      {loaded.error && !off && <Problem error={loaded.error} retry={loaded.reload} />}
      {loaded.value === null && !loaded.error && <Loading />}
      {loaded.value !== null && all.length === 0 && !off && (
        <Empty what={t('There is no backup.')}>{t('Make one now, and let a timer make more: jindou backup.')}</Empty>
      )}
      {all.length > 0 && !off && (
        <section class="listing" aria-label={t('Backups')}>
          <Rows<Backup>
            caption={t('Backups')} items={all} keyOf={(one) => one.name}
            columns={[
              { name: t('Backup'), cell: (one) => one.name },
              { name: t('Made'), cell: (one) => time(one.made_at) },
              { name: t('Size'), number: true, cell: (one) => bytes(one.bytes) },
              { name: t('Shared when it was made'), number: true, cell: (one) => bytes(one.linked_bytes) },
              { name: t('Files'), number: true, cell: (one) => count(one.files) },
              { name: t('Directory'), cell: (one) => <span class="mono">{one.directory}</span> },
            ]} />
        </section>
      )}
    </>
  );
}
