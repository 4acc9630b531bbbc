// What an operator does with the manager page, at both widths and in both languages; what it shows
// is compared with what the API says. axe looks at every view.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';

import { Api, narrow, until, wide } from './browsers.mjs';

const kAxe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const kRules = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'best-practice'];

class Manager {
  constructor(user, config, name) {
    this.page = user.page;
    this.user = user;
    this.config = config;
    this.name = name;
  }

  async signIn(name, password) {
    await this.page.locator('input[autocomplete="username"]').fill(name);
    await this.page.locator('input[autocomplete="current-password"]').fill(password);
    await this.page.locator('form button[type="submit"]').click();
  }

  // Until a view is there and has loaded what it shows.
  async open(path) {
    await this.page.evaluate((hash) => { location.hash = hash; }, `#/${path}`);
    await this.page.waitForFunction((hash) => location.hash === hash, `#/${path}`);
    await this.settled();
  }

  async settled() {
    await this.page.locator('main h1').waitFor();
    await this.page.waitForFunction(
      () => document.querySelector('[aria-busy="true"]') === null
        && document.querySelector('main > .empty[role="status"]') === null);
  }

  // axe finds nothing, and nothing is wider than the screen.
  async look(view) {
    await this.page.evaluate(kAxe);
    const found = await this.page.evaluate(
      (values) => globalThis.axe.run(document, { runOnly: { type: 'tag', values } })
        .then((result) => result.violations.map(
          (one) => `${one.id}: ${one.nodes.map((node) => node.html).join(' ')}`)), kRules);
    assert.deepEqual(found, [], view);
    await this.user.shot(`manager-${view}-${this.name}`);
  }

  // The first cells of a table.
  keys() {
    return this.page.locator('main .listing tbody tr')
      .evaluateAll((rows) => rows.map((row) => row.dataset.key));
  }

  // The same of what changes: until both say the same.
  async sameKeys(expected) {
    let wanted = [];
    await until(async () => {
      wanted = await expected();
      return JSON.stringify(await this.keys()) === JSON.stringify(wanted);
    }, async () => assert.deepEqual(await this.keys(), wanted));
  }

  async waitKeys(expected) {
    await until(async () => JSON.stringify(await this.keys()) === JSON.stringify(expected),
                async () => assert.deepEqual(await this.keys(), expected));
  }

  get previous() {
    return this.page.locator('.pages button').nth(0);
  }

  get next() {
    return this.page.locator('.pages button').nth(1);
  }

  // Through all pages of a list, and back to the first.
  async walk(expected, size = 50) {
    const last = Math.ceil(expected.length / size) - 1;
    const page = (number) => this.waitKeys(expected.slice(number * size, (number + 1) * size));
    await page(0);
    for (let number = 1; number <= last; ++number) {
      await this.next.click();
      await page(number);
    }
    assert.ok(await this.next.isDisabled());
    for (let number = last - 1; number >= 0; --number) {
      await this.previous.click();
      await page(number);
    }
    assert.ok(await this.previous.isDisabled());
  }

  async confirm() {
    await this.page.locator('dialog[open] button[type="submit"]').click();
    await this.page.locator('dialog[open]').waitFor({ state: 'detached' });
  }
}

class Asked extends Api {
  async get(path) {
    const answer = await fetch(this.config.api + path);
    assert.equal(answer.status, 200, `${path}: ${answer.status}`);
    return answer.json();
  }
}

async function letters(api) {
  return (await api.get('/webhook/dead-letters?limit=1000')).dead_letters;
}

async function views(manager, api, group) {
  await manager.open('overview');
  await manager.page.locator('.health.good').waitFor();
  const { connections } = await api.get('/varz');
  assert.equal(await manager.page.locator('[data-tile="sessions"] .big').innerText(),
               String(connections));
  await manager.look('overview');

  await manager.open('connections');
  const open = (await api.get('/connz?sort=id&limit=1000')).connections;
  const idsOf = (part) => open.filter((one) => one.uid.includes(part)).map((one) => String(one.id));
  assert.ok(idsOf('crowd').length > 50);
  await manager.walk(idsOf(''));
  await manager.look('connections');
  // A part of the uid, which more than one page has.
  await manager.open('connections?uid=rowd');
  await manager.walk(idsOf('rowd'));
  await manager.open('connections?uid=zoe');
  await manager.waitKeys(idsOf('zoe'));

  await manager.open('users?prefix=z');
  const users = (await api.get('/users?prefix=z')).items.map((one) => one.uid);
  assert.ok(users.includes('zoe'));
  await manager.waitKeys(users);
  await manager.look('users');
  await manager.open('users/zoe');
  await manager.page.getByRole('link', { name: group }).waitFor();
  await manager.look('user');
  const conversations = await api.post('/conversation/sync', { uid: 'busy', version: 0, msg_count: 1 });
  assert.ok(conversations.length > 50);
  await manager.open('users/busy');
  await manager.walk(conversations.map((one) => `${one.channel_type} ${one.channel_id}`));
  await manager.open('users/nobody-has-this-name');
  await manager.look('no-user');

  await manager.open('channels?prefix=many-&type=2');
  const many = (await api.get('/channels?prefix=many-&channel_type=2')).items
    .map((one) => `2 ${one.channel_id}`);
  assert.ok(many.length > 50);
  await manager.walk(many);
  await manager.look('channels');

  await manager.open(`channels/2/${group}`);
  const members = (await api.get(`/channel/subscribers?channel_id=${group}&channel_type=2&limit=20`))
    .items.map((one) => one.uid);
  const messages = await api.post('/channel/messagesync', {
    login_uid: 'zoe', channel_id: group, channel_type: 2, limit: 20 });
  await manager.waitKeys([...members,
                          ...messages.messages.reverse().map((one) => one.message_idstr)]);
  await manager.look('channel');

  await manager.open('messages');
  await manager.look('no-message');
  await manager.open(`messages?channel_id=${group}&channel_type=2&message_seq=2`);
  await manager.page.locator('pre').first().getByText('second').waitFor();
  await manager.page.locator('.tag.good').getByText('stored').waitFor();
  await manager.look('message');

  const [job] = (await api.get('/jobs?limit=1')).jobs;
  await manager.open('jobs');
  await manager.waitKeys((await api.get('/jobs')).jobs.map((one) => one.id));
  await manager.look('jobs');
  await manager.open(`jobs/${job.id}`);
  await manager.waitKeys([...Array(job.items).keys()].map(String));
  await manager.look('job');

  await manager.open('webhooks');
  const { events } = await api.get('/webhook/status');
  await manager.sameKeys(async () => [...events.map((one) => one.event),
                                      ...(await letters(api)).map((one) => one.id)]);
  await manager.page.locator('tr[data-key="msg.notify"]').getByText('status 422').waitFor();
  await manager.look('webhooks');

  await manager.open('backups');
  await manager.waitKeys((await api.get('/backups')).backups.map((one) => one.name));
  await manager.look('backups');

  await manager.open('configuration');
  const { items } = await api.get('/manager/config');
  await manager.waitKeys(items.map((one) => one.key));
  const row = manager.page.locator('tr[data-key="cluster.nodeId"]');
  assert.ok((await row.innerText()).includes(
    items.find((one) => one.key === 'cluster.nodeId').value));
  await manager.look('configuration');

  // Two pages of the audit log, and one event of it.
  await manager.open('audit');
  const lines = (await api.get('/manager/audit?limit=100')).items.map((one) => String(one.id));
  assert.ok(lines.length > 50);
  await manager.waitKeys(lines.slice(0, 50));
  await manager.page.locator('.rights').getByText('audit.file').waitFor();
  await manager.next.click();
  await manager.waitKeys(lines.slice(50));
  await manager.previous.click();
  await manager.waitKeys(lines.slice(0, 50));
  await manager.look('audit');
  await manager.open('audit?event=login');
  const logins = (await api.get('/manager/audit?event=login')).items;
  await manager.waitKeys(logins.map((one) => String(one.id)));
  const newest = manager.page.locator(`tr[data-key="${logins[0].id}"]`);
  await newest.getByText(logins[0].who).waitFor();
}

async function changes(manager, api, group) {
  const page = manager.page;
  // A ban and its end.
  await manager.open('users/zac');
  for (const banned of [1, 0]) {
    await page.locator('.head button').first().click();
    await manager.confirm();
    await until(async () => (await api.get('/user/info?uid=zac')).banned === banned,
                () => assert.fail(`zac is not ${banned}`));
    await page.locator('.tag.bad').waitFor({ state: banned ? 'visible' : 'detached' });
  }

  // Somebody more on the list of subscribers, and off it again.
  await manager.open(`channels/2/${group}`);
  await page.locator('main .filters button.primary').click();
  await page.locator('dialog[open] textarea').fill('aaron, zoe');
  await manager.look('dialog');
  await manager.confirm();
  const row = page.locator('tr[data-key="aaron"]');
  await row.locator('button').click();
  const listed = () => api.get(`/channel/subscribers?channel_id=${group}&channel_type=2&prefix=aaron`);
  assert.equal((await listed()).items.length, 1);
  await manager.confirm();
  await row.waitFor({ state: 'detached' });
  assert.equal((await listed()).items.length, 0);

  // A message gets another content, and is taken back.
  await manager.open(`messages?channel_id=${group}&channel_type=2&message_seq=1`);
  const actions = page.locator('[data-message] .row').last().locator('> button');
  await actions.nth(0).click();
  await page.locator('dialog[open] textarea').fill('{"type": 1, "content": "other words"}');
  await manager.confirm();
  await page.locator('pre').first().getByText('other words').waitFor();
  await actions.nth(1).click();
  await manager.confirm();
  await until(async () => (await page.locator('pre').first().innerText()) === '{}',
              () => assert.fail('it was not recalled'));

  // A file is sent, and one of its rows is refused.
  await manager.open('jobs');
  await page.locator('.head button.primary').click();
  await page.locator('dialog[open] textarea').fill(`channel_id,content\n${group},one\nclosed,two\n`);
  await page.locator('dialog[open] input[type="text"]').nth(1).fill('zoe');
  await manager.confirm();
  await page.locator('[data-job="done"]').waitFor();
  await manager.waitKeys(['0', '1']);
  await page.locator('.tabs button').nth(3).click();
  await manager.waitKeys(['1']);

  await redrives(manager, api);
  await reloads(manager, api);

  await manager.open('backups');
  await page.locator('.head button.primary').click();
  await manager.confirm();
  await page.locator('.notice').waitFor();
  await manager.waitKeys((await api.get('/backups')).backups.map((one) => one.name));
}

// Dead letters are told again, one and all of them, to a receiver that refuses them again.
async function redrives(manager, api) {
  const page = manager.page;
  await manager.open('webhooks');
  const [first, second] = await letters(api);
  await page.locator(`tr[data-key="${first.id}"] button`).click();
  await manager.confirm();
  await page.locator('.notice').getByText('1').waitFor();
  const redrivesOf = async (id) => (await letters(api)).find((one) => one.id === id)?.redrives;
  await until(async () => await redrivesOf(first.id) === 1,
              () => assert.fail('it was not told again'));
  assert.equal(await redrivesOf(second.id), 0);
  await page.locator('.head button').first().click();
  await manager.confirm();
  await until(async () => (await redrivesOf(second.id)) === 1,
              () => assert.fail('they were not told again'));
}

// What is written to the file is taken over, and named; what is wrong is told.
async function reloads(manager, api) {
  const page = manager.page;
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
  assert.deepEqual(lines.map((one) => [one.outcome, one.who]),
                   [['ok', 'admin'], ['failed', 'admin'], ['ok', 'admin']]);
  await manager.waitKeys(lines.map((one) => String(one.id)));
}

// All of it, in one browser.
export async function manager({ browsers, config }) {
  const api = new Asked(config);
  const { group } = config;

  const user = await browsers.open({ viewport: wide, colorScheme: 'light' });
  const one = new Manager(user, config, 'wide');
  await one.page.waitForURL(/\/manager\/login/);
  await one.look('login');
  await one.signIn('admin', 'wrong');
  await one.page.getByRole('alert').getByText('wrong user name or password').waitFor();
  await one.signIn('admin', 'Admin-pw');
  await one.page.waitForURL(/\/manager\/$/);
  await views(one, api, group);
  await changes(one, api, group);
  // A reload of the page keeps the session, another tab has none.
  await one.page.reload();
  await one.settled();
  await one.page.locator('.who button').last().click();
  await one.page.waitForURL(/\/manager\/login/);

  const other = new Manager(
    await browsers.open({ viewport: narrow, colorScheme: 'dark', locale: 'zh-CN' }), config, 'narrow');
  await other.look('login');
  await other.signIn('reader', 'Reader-pw');
  await other.settled();
  await other.page.locator('.menu-button').click();
  await other.look('menu');
  await views(other, api, group);
  // Who may only look is told so.
  await other.open('users/zac');
  assert.ok(await other.page.locator('.head button').first().isDisabled());
  await other.page.locator('.rights').getByText('channel:w').waitFor();
}
