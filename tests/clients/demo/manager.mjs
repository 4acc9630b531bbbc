// What an operator does with the manager page, at both widths and in both languages; what it shows
// is compared with what the API says. axe looks at every view.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

import { Api, narrow, until, wide } from './browsers.mjs';
import { changes, letters } from './manager_changes.mjs';
import { numbers, unhealthy } from './manager_numbers.mjs';

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
    // What is typed before the page has drawn the new view goes with the old one.
    await this.page.evaluate((hash) => new Promise((drawn) => {
      const told = () => requestAnimationFrame(() => setTimeout(drawn));
      if (location.hash === hash) return told();
      window.addEventListener('hashchange', told, { once: true });
      location.hash = hash;
      return undefined;
    }), `#/${path}`);
    await this.settled();
  }

  async settled() {
    await this.page.locator('main h1').waitFor();
    await this.page.waitForFunction(
      () => document.querySelector('[aria-busy="true"]') === null
        && document.querySelector('main > .empty[role="status"]') === null);
  }

  // axe finds nothing, and nothing is wider than the screen. Of long tables it is shown the first
  // rows: the others are like them, and would take most of the time of all tests of this page.
  async look(view) {
    if (!await this.page.evaluate(() => 'axe' in globalThis)) await this.page.evaluate(kAxe);
    const found = await this.page.evaluate(async (values) => {
      const rest = [...document.querySelectorAll('tbody tr:nth-child(n + 16)')];
      for (const row of rest) row.style.display = 'none';
      const { violations } = await globalThis.axe.run(document, { runOnly: { type: 'tag', values } });
      for (const row of rest) row.style.display = '';
      return violations.map((one) => `${one.id}: ${one.nodes.map((node) => node.html).join(' ')}`);
    }, kRules);
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

  async status(path) {
    return (await fetch(this.config.api + path)).status;
  }
}

async function views(manager, api, group) {
  await manager.open('overview');
  await manager.page.locator('.health.good').waitFor();
  const { connections } = await api.get('/varz');
  assert.equal(await manager.page.locator('[data-tile="sessions"] .big').innerText(),
               String(connections));
  await numbers(manager, () => {
    const item = (channel_id) => ({ from_uid: 'zoe', channel_id, channel_type: 2, payload: 'e30=' });
    return api.post('/message/sendbatch', [...Array(8).fill(item(group)), ...Array(4).fill(item('closed'))]);
  });
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
                                      ...(await letters(api)).slice(0, 50).map((one) => one.id)]);
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

// All of it, in one browser.
export async function manager({ browsers, config, ask }) {
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
  await other.page.locator('.menu-button').click();
  await other.page.locator('.who button').last().click();
  await other.page.waitForURL(/\/manager\/login/);
  await other.signIn('admin', 'Admin-pw');
  await other.page.locator('.menu-button').waitFor();
  await changes(other, api, group);
  await unhealthy(other, config, ask);
}
