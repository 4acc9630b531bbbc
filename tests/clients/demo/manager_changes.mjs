// What an operator changes with the manager page. The page's own word is not enough: after each
// change the API is asked what there is now. `own` names what a width has for itself.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';

import { until } from './browsers.mjs';

// Until what is asked is answered as expected.
async function told(ask, expected) {
  let found;
  await until(async () => {
    found = await ask();
    return JSON.stringify(found) === JSON.stringify(expected);
  }, () => assert.deepEqual(found, expected));
}

const query = (id) => `channel_id=${id}&channel_type=2`;

// Of a group.
function groupOf(api, id) {
  return {
    info: () => api.get(`/channel/info?${query(id)}`),
    uids: async (list) => (await api.get(`/channel/${list}?${query(id)}`)).items.map((one) => one.uid),
    limits: async () => {
      const found = await api.get(`/channel/retention?${query(id)}`);
      return [found.max_age, found.max_age_source, found.max_count, found.max_count_source];
    },
    // The contents of its messages, the newest first; nothing is left of a recalled one.
    contents: async () => (await api.get(`/manager/messages?${query(id)}`)).items.map(
      (one) => JSON.parse(Buffer.from(one.payload, 'base64').toString()).content ?? ''),
  };
}

// A ban and its end.
async function bans(manager, api) {
  const { page } = manager;
  await manager.open('users/zac');
  for (const banned of [1, 0]) {
    await page.locator('.head button').first().click();
    await manager.confirm();
    await told(async () => (await api.get('/user/info?uid=zac')).banned, banned);
    await page.locator('.tag.bad').waitFor({ state: banned ? 'visible' : 'detached' });
  }
}

const connectionsOf = async (api, uid) => (await api.get(`/connz?uid=${uid}`)).connections;

// One is kicked from the list of connections, another one from the view of its user. They are
// closed a while later: gone() waits for that.
async function kicks(manager, api, own) {
  const { page } = manager;
  for (const [uid, view] of [[own('kicked'), `connections?uid=${own('kicked')}`],
                             [own('thrown'), `users/${own('thrown')}`]]) {
    const [{ id }] = await connectionsOf(api, uid);
    await manager.open(view);
    await page.locator(`tr[data-key="${id}"] button`).click();
    await manager.confirm();
    await page.locator('.notice').getByText(uid).waitFor();
  }
}

async function gone(manager, api, own) {
  for (const uid of [own('kicked'), own('thrown')]) await told(() => connectionsOf(api, uid), []);
  await manager.open(`connections?uid=${own('kicked')}`);
  await manager.waitKeys([]);
}

async function quits(manager, api, own) {
  const { page } = manager;
  const uid = own('quitting');
  const devices = async () => (await api.get(`/user/info?uid=${uid}`)).devices
    .map((one) => [one.device_flag, one.token_set, one.online]);
  assert.deepEqual(await devices(), [[0, 0, 1], [1, 1, 0]]);
  await manager.open(`users/${uid}`);
  await manager.sameKeys(async () => ['0', '1', ...(await connectionsOf(api, uid)).map((one) => String(one.id))]);
  await page.locator('.head button').nth(1).click();
  await manager.confirm();
  await page.locator('.notice').getByText(uid).waitFor();
  await told(devices, [[1, 0, 0]]);
  await told(() => connectionsOf(api, uid), []);
}

// A channel from its beginning to its end, and back again.
async function channels(manager, api, own) {
  const { page } = manager;
  const id = own('made');
  const group = groupOf(api, id);
  const dialog = page.locator('dialog[open]');
  await manager.open('channels');
  await page.locator('.head button.primary').click();
  await dialog.locator('input[type="text"]').fill(id);
  await dialog.locator('textarea').fill('ann, bob\neve');
  await manager.look('new-channel');
  await manager.confirm();
  await page.waitForFunction((hash) => location.hash === hash, `#/channels/2/${id}`);
  await manager.settled();
  await manager.waitKeys(['ann', 'bob', 'eve']);
  assert.deepEqual(await group.uids('subscribers'), ['ann', 'bob', 'eve']);

  // In the dialog: ban, send_ban, allow_stranger, large.
  const flags = async () => {
    const { ban, send_ban, allow_stranger, large } = await group.info();
    return [ban, send_ban, allow_stranger, large];
  };
  const tags = page.locator('.facts .tag');
  for (const [boxes, wanted, shown] of [[[1, 3], [0, 1, 0, 1], ['send_ban', 'large']],
                                        [[0, 3], [1, 1, 0, 0], ['ban', 'send_ban']],
                                        [[0, 1], [0, 0, 0, 0], []]]) {
    await page.locator('.head button').first().click();
    for (const box of boxes) await dialog.locator('input[type="checkbox"]').nth(box).click();
    await manager.confirm();
    assert.deepEqual(await flags(), wanted);
    await told(() => tags.allInnerTexts(), shown);
  }

  assert.deepEqual(await group.limits(), [0, 'default', 0, 'default']);
  const limits = page.locator('main > .panel').nth(2);
  for (const [age, most, wanted] of [['3600', '7', [3600, 'channel', 7, 'channel']],
                                     ['', '0', [0, 'default', 0, 'channel']]]) {
    await limits.locator('.row button').first().click();
    await dialog.locator('input').nth(0).fill(age);
    await dialog.locator('input').nth(1).fill(most);
    await manager.confirm();
    assert.deepEqual(await group.limits(), wanted);
    await limits.locator('.notice').waitFor();
  }

  for (const [tab, list] of [[1, 'denylist'], [2, 'allowlist']]) {
    await page.locator('.tabs button').nth(tab).click();
    await manager.waitKeys([]);
    await page.locator('main .filters button.primary').click();
    await dialog.locator('textarea').fill('carl, dora');
    await manager.confirm();
    await manager.waitKeys(['carl', 'dora']);
    assert.deepEqual(await group.uids(list), ['carl', 'dora']);
    await page.locator('tr[data-key="carl"] button').click();
    await manager.confirm();
    await manager.waitKeys(['dora']);
    assert.deepEqual(await group.uids(list), ['dora']);
  }
  assert.deepEqual(await group.uids('subscribers'), ['ann', 'bob', 'eve']);
  await manager.look('made-channel');

  await page.locator('.head button.danger').click();
  await manager.confirm();
  assert.equal((await group.info()).disband, 1);
  for (const list of ['subscribers', 'denylist', 'allowlist']) {
    assert.deepEqual(await group.uids(list), []);
  }
  await tags.getByText('disband').waitFor();
  await page.locator('.head button').nth(1).click();
  await manager.confirm();
  await tags.getByText('disband').waitFor({ state: 'detached' });
  assert.equal((await group.info()).disband, 0);
}

// Somebody more on the list of subscribers, and off it again.
async function members(manager, api, id) {
  const { page } = manager;
  await manager.open(`channels/2/${id}`);
  await page.locator('main .filters button.primary').click();
  await page.locator('dialog[open] textarea').fill('aaron, zoe');
  await manager.look('dialog');
  await manager.confirm();
  const row = page.locator('tr[data-key="aaron"]');
  await row.locator('button').click();
  const listed = async () => (await api.get(`/channel/subscribers?${query(id)}&prefix=aaron`)).items.length;
  assert.equal(await listed(), 1);
  await manager.confirm();
  await row.waitFor({ state: 'detached' });
  assert.equal(await listed(), 0);
}

// A message is found by either of its numbers, gets another content, and is taken back.
async function messages(manager, api, id, own) {
  const { page } = manager;
  const number = own('number');
  const text = `of ${own('zoe')}`;
  const [sent] = await api.post('/message/sendbatch', [{
    client_msg_no: number, from_uid: 'zoe', channel_id: id, channel_type: 2,
    payload: Buffer.from(JSON.stringify({ type: 1, content: text })).toString('base64'),
  }]);
  const form = page.locator('form.form');
  // In the form: message_id, channel_id, message_seq, client_msg_no.
  for (const typed of [[[0, sent.message_idstr]], [[1, id], [3, number]]]) {
    await manager.open('messages');
    await told(() => form.locator('input').nth(0).inputValue(), '');
    for (const [at, value] of typed) await form.locator('input').nth(at).fill(value);
    await form.locator('button[type="submit"]').click();
    const found = page.locator(`[data-message="${sent.message_idstr}"]`);
    await found.locator('pre').getByText(text).waitFor();
    const facts = await found.locator('.facts').innerText();
    for (const fact of [number, id]) assert.ok(facts.includes(fact), facts);
    assert.match(facts, new RegExp(`message_seq\\s+${sent.message_seq}\\s`));
  }
  await page.locator('.tag.good').getByText('stored').waitFor();
  await manager.look('found');
  const newest = async () => (await groupOf(api, id).contents())[0];
  assert.equal(await newest(), text);

  const actions = page.locator('[data-message] .row').last().locator('> button');
  await actions.nth(0).click();
  await page.locator('dialog[open] textarea').fill('{"type": 1, "content": "other words"}');
  await manager.confirm();
  await page.locator('pre').first().getByText('other words').waitFor();
  assert.equal(await newest(), 'other words');
  await actions.nth(1).click();
  await manager.confirm();
  await until(async () => (await page.locator('pre').first().innerText()) === '{}',
              () => assert.fail('it was not recalled'));
  assert.equal(await newest(), '');
}

// The job whose view is open.
async function jobHere(manager) {
  await manager.page.waitForFunction(() => /^#\/jobs\/\w/.test(location.hash));
  return manager.page.evaluate(() => location.hash.slice('#/jobs/'.length));
}

async function jobIsGone(manager, api, id) {
  await manager.page.locator('.head button.danger').last().click();
  await manager.confirm();
  await manager.page.locator('main > .empty').waitFor();
  assert.equal(await api.status(`/jobs/${id}`), 404);
}

// Rows are sent, and one of them is refused until its reason is gone; then all is taken back.
async function rows(manager, api, id, own) {
  const { page } = manager;
  const shut = own('shut');
  await api.post('/channel', { channel_id: shut, channel_type: 2, ban: 1, subscribers: ['zoe'] });
  await manager.open('jobs');
  await page.locator('.head button.primary').click();
  await page.locator('dialog[open] textarea').fill(`channel_id,content\n${id},one\n${shut},two\n`);
  await page.locator('dialog[open] input[type="text"]').nth(1).fill('zoe');
  await manager.confirm();
  const job = await jobHere(manager);
  const counts = async () => {
    const { state, accepted, refused } = await api.get(`/jobs/${job}`);
    return [state, accepted, refused];
  };
  await page.locator('[data-job="done"]').waitFor();
  await manager.waitKeys(['0', '1']);
  await page.locator('.tabs button').nth(3).click();
  await manager.waitKeys(['1']);
  assert.deepEqual(await counts(), ['done', 1, 1]);

  await api.post('/channel/info', { channel_id: shut, channel_type: 2, ban: 0 });
  await page.locator('.head button:not(.danger)').click();
  await manager.confirm();
  await told(counts, ['done', 2, 0]);
  assert.deepEqual(await groupOf(api, shut).contents(), ['two']);
  assert.equal((await groupOf(api, id).contents())[0], 'one');
  await manager.waitKeys([]);
  // As long as the page shows what was, its buttons do other things.
  await page.locator('.head button:not(.danger)').first().waitFor({ state: 'detached' });

  await page.locator('.head button.danger').first().click();
  await manager.confirm();
  await told(groupOf(api, shut).contents, ['']);
  await told(async () => (await groupOf(api, id).contents())[0], '');
  await jobIsGone(manager, api, job);
}

// A file is sent slowly, is halted, goes on at another speed, and is given up.
async function file(manager, api, id, own) {
  const { page } = manager;
  const dialog = page.locator('dialog[open]');
  const lines = [...Array(30).keys()].map((number) => `${id},row ${number} of ${own('file')}`);
  await manager.open('jobs');
  await page.locator('.head button.primary').click();
  await dialog.locator('input[type="file"]').setInputFiles({
    name: 'rows.csv', mimeType: 'text/csv', buffer: Buffer.from(['channel_id,content', ...lines].join('\n')),
  });
  await dialog.locator('input[type="text"]').nth(1).fill('zoe');
  await dialog.locator('input[type="text"]').nth(2).fill(own('file'));
  await dialog.locator('input[type="number"]').fill('1');
  await manager.look('file');
  await manager.confirm();
  const job = await jobHere(manager);
  const now = () => api.get(`/jobs/${job}`);
  const button = (number) => page.locator('.head button').nth(number);
  const { name, items, rate } = await now();
  assert.deepEqual([name, items, rate], [own('file'), 30, 1]);
  await until(async () => (await now()).accepted > 0, () => assert.fail('nothing is sent'));
  assert.equal((await groupOf(api, id).contents()).filter((one) => one.endsWith(own('file'))).pop(),
               `row 0 of ${own('file')}`);

  // A dialog outlives the state that it was opened in: somebody else halts the job meanwhile.
  await button(0).click();
  await dialog.waitFor();
  await api.post(`/jobs/${job}/pause`, {});
  await dialog.locator('.warning').getByText('paused').waitFor();
  assert.ok(await dialog.locator('button[type="submit"]').isDisabled());
  await manager.look('changed-meanwhile');
  await dialog.locator('.row.end button').first().click();
  await dialog.waitFor({ state: 'detached' });
  await api.post(`/jobs/${job}/resume`, {});
  await page.locator('[data-job="running"]').waitFor();

  await button(0).click();
  await manager.confirm();
  await page.locator('[data-job="paused"]').waitFor();
  assert.equal((await now()).state, 'paused');
  await manager.look('paused-job');
  await button(1).click();
  await dialog.locator('input').fill('2');
  await manager.confirm();
  assert.equal((await now()).rate, 2);
  await button(0).click();
  await manager.confirm();
  await page.locator('[data-job="running"]').waitFor();
  assert.equal((await now()).state, 'running');
  await page.locator('.head button.danger').first().click();
  await manager.confirm();
  await page.locator('[data-job="cancelled"]').waitFor();
  const { state, pending } = await now();
  assert.equal(state, 'cancelled');
  assert.ok(pending > 0);
  await jobIsGone(manager, api, job);
}

export async function letters(api) {
  return (await api.get('/webhook/dead-letters?limit=1000')).dead_letters;
}

// Dead letters are told again, one and all of them, to a receiver that refuses them again.
async function redrives(manager, api) {
  const { page } = manager;
  await manager.open('webhooks');
  const [first, second] = await letters(api);
  const redrivesOf = async (id) => (await letters(api)).find((one) => one.id === id)?.redrives;
  await page.locator(`tr[data-key="${first.id}"] button`).click();
  await manager.confirm();
  await page.locator('.notice').getByText('1').waitFor();
  await told(() => redrivesOf(first.id), first.redrives + 1);
  assert.equal(await redrivesOf(second.id), second.redrives);
  await page.locator('.head button').first().click();
  await manager.confirm();
  await told(() => redrivesOf(second.id), second.redrives + 1);
}

// What is written to the file is taken over, and named; what is wrong is told.
async function reloads(manager, api) {
  const { page } = manager;
  const { settings } = manager.config;
  const before = readFileSync(settings, 'utf8');
  const reload = () => page.locator('.head button.primary').click();
  await manager.open('configuration');
  writeFileSync(settings, 'logger:\n  level: warn\napi:\n  maxBatch: 900\nginMode: release\n');
  await reload();
  await manager.confirm();
  const report = page.locator('.panel');
  await report.locator('.warning').getByText('api.maxBatch').waitFor();
  await report.getByText('logger.level').waitFor();
  await report.getByText('ginMode').waitFor();
  const shown = page.locator('tr[data-key="logger.level"]');
  await shown.getByText('warn').waitFor();
  await shown.getByText('file').waitFor();
  const { items } = await api.get('/manager/config');
  assert.equal(items.find((one) => one.key === 'logger.level').value, 'warn');
  await manager.look('reloaded');

  writeFileSync(settings, 'logger:\n  level: loud\n');
  await reload();
  await page.locator('dialog[open] button[type="submit"]').click();
  await page.locator('dialog[open]').getByRole('alert').getByText('logger.level').waitFor();
  await manager.look('refused');
  writeFileSync(settings, before);
  await manager.confirm();
  await report.getByText('logger.level').waitFor();
  await manager.open('audit?event=reload');
  const lines = (await api.get('/manager/audit?event=reload')).items;
  assert.deepEqual(lines.slice(0, 3).map((one) => [one.outcome, one.who]),
                   [['ok', 'admin'], ['failed', 'admin'], ['ok', 'admin']]);
  await manager.waitKeys(lines.map((one) => String(one.id)));
}

async function backups(manager, api) {
  const { page } = manager;
  const names = async () => (await api.get('/backups')).backups.map((one) => one.name);
  const before = await names();
  await manager.open('backups');
  await page.locator('.head button.primary').click();
  await manager.confirm();
  await page.locator('.notice').waitFor();
  assert.equal((await names()).length, before.length + 1);
  await manager.waitKeys(await names());
}

export async function changes(manager, api, id) {
  const own = (what) => `${what}-${manager.name}`;
  await kicks(manager, api, own);
  await bans(manager, api);
  await quits(manager, api, own);
  await channels(manager, api, own);
  await members(manager, api, id);
  await messages(manager, api, id, own);
  await rows(manager, api, id, own);
  await file(manager, api, id, own);
  await redrives(manager, api);
  await reloads(manager, api);
  await backups(manager, api);
  await gone(manager, api, own);
}
