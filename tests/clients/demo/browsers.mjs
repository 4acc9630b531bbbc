// Chromium and the chat demo in it: one context, and so one user, for each page.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import process from 'node:process';
import { chromium } from 'playwright-core';

const kChromium = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
// Several files of tests share two cores.
const kTimeout = 20_000;

export const wide = { width: 1280, height: 800 };
export const narrow = { width: 390, height: 844 };

export class Browsers {
  constructor(config) {
    this.config = config;
    this.users = [];
    this.problems = [];
  }

  async start() {
    const executablePath = kChromium.find((path) => existsSync(path));
    if (executablePath === undefined) throw new Error('Chromium is not installed');
    this.browser = await chromium.launch({
      executablePath,
      // A sandbox inside root's own processes is not possible.
      args: process.getuid() === 0 ? ['--no-sandbox'] : [],
    });
  }

  async stop() {
    await this.browser?.close();
  }

  // A browser that has opened the page. `view`: viewport, colorScheme, locale, …
  async open(view = {}) {
    const context = await this.browser.newContext({
      viewport: wide, locale: 'en-GB', timezoneId: 'UTC', ...view,
    });
    context.setDefaultTimeout(kTimeout);
    const page = await context.newPage();
    const user = new User(page, this.config);
    this.users.push(user);
    page.on('pageerror', (error) => this.problems.push(`error in the page: ${error.stack}`));
    page.on('console', (message) => {
      // What fails on purpose is reported by the browser as an error without a place in the page.
      if (/Content Security Policy|violates|Uncaught/.test(message.text())) {
        this.problems.push(`console: ${message.text()}`);
      }
    });
    page.on('request', (request) => {
      const url = new URL(request.url());
      const own = url.protocol === 'data:' || url.hostname === '127.0.0.1';
      if (!own) this.problems.push(`the page asked for ${request.url()}`);
    });
    await page.goto(this.config.url);
    return user;
  }

  // The same, signed in.
  async user(uid, view = {}) {
    const user = await this.open(view);
    await user.signIn(uid);
    return user;
  }

  assertClean() {
    assert.deepEqual(this.problems, []);
  }

  async showTrouble(name) {
    for (const [index, user] of this.users.entries()) {
      const path = `${this.config.shots}/failed-${name}-${index}.png`;
      await user.page.screenshot({ path }).catch(() => undefined);
      const text = await user.page.locator('body').innerText({ timeout: 1000 }).catch(() => '');
      console.error(`page ${index} (${user.uid}):\n${text}\n`);
    }
    for (const problem of this.problems) console.error(problem);
  }
}

// One page as somebody uses it.
export class User {
  constructor(page, config) {
    this.page = page;
    this.config = config;
    this.uid = '';
  }

  button(name, exact = true) {
    return this.page.getByRole('button', { name, exact });
  }

  label(name) {
    return this.page.getByLabel(name, { exact: true });
  }

  text(text) {
    return this.page.getByText(text, { exact: true });
  }

  async fillSignIn(uid, { token, register, managerToken } = {}) {
    this.uid = uid;
    await this.label('Your uid').fill(uid);
    if (token !== undefined || managerToken !== undefined) {
      await this.page.locator('details').evaluate((node) => { node.open = true; });
      if (token !== undefined) await this.label('Token').fill(token);
      if (register !== undefined) {
        await this.label('Register this token first').setChecked(register);
      }
      if (managerToken !== undefined) {
        await this.label('Manager token of the API').fill(managerToken);
      }
    }
  }

  async signIn(uid, options = {}) {
    await this.fillSignIn(uid, options);
    await this.button('Sign in').click();
    await this.waitState('connected');
  }

  // Waits for a state of the connection, with everything missed fetched.
  async waitState(state) {
    await this.page.locator(`[data-state="${state}"][data-syncing="false"]`)
      .waitFor({ state: 'attached' });
  }

  // Takes the network away from this browser, and gives it back.
  async cutOff() {
    await this.page.context().setOffline(true);
    await this.page.locator('.banner').waitFor();
  }

  async comeBack() {
    await this.page.context().setOffline(false);
    await this.waitState('connected');
  }

  item(key) {
    return this.page.locator(`[data-channel="${key}"]`);
  }

  // `key`: "1:bob", "2:team".
  async pick(key) {
    await this.item(key).click();
    await this.waitOpen(key.slice(2));
  }

  async writeTo(uid) {
    await this.button('New chat').click();
    await this.label('Uid of the other person').fill(uid);
    await this.button('Open the chat').click();
    await this.waitOpen(uid);
  }

  async group(id, members = '') {
    await this.button('New chat').click();
    await this.page.getByRole('radio', { name: 'Group' }).check();
    await this.label('Group id').fill(id);
    await this.label('Members besides you').fill(members);
    await this.button('Create or join').click();
    await this.waitOpen(id);
  }

  async send(text) {
    await this.label('Message').fill(text);
    await this.page.keyboard.press('Enter');
  }

  // Until a conversation and its newest messages are on the screen.
  async waitOpen(id) {
    await this.page.getByRole('region', { name: id, exact: true }).waitFor();
    await this.page.locator('.messages .top[data-loading="false"]').waitFor({ state: 'attached' });
  }

  // The messages on the screen, in order.
  messages() {
    return this.page.locator('li.message').evaluateAll((nodes) => nodes.map((node) => ({
      text: node.querySelector('.text').textContent,
      seq: Number(node.dataset.seq),
      status: node.dataset.status,
      own: node.classList.contains('own'),
    })));
  }

  async texts() {
    return (await this.messages()).map((message) => message.text);
  }

  async waitTexts(expected) {
    await until(async () => same(await this.texts(), expected),
                async () => assert.deepEqual(await this.texts(), expected));
  }

  async waitAllSent() {
    await until(async () => (await this.messages()).every((one) => one.status === 'sent'),
                async () => assert.fail(JSON.stringify(await this.messages())));
  }

  // The number in the list; 0 without one.
  async unread(key) {
    const badge = this.item(key).locator('.badge');
    return await badge.count() === 0 ? 0 : Number.parseInt(await badge.getAttribute('aria-label'), 10);
  }

  async waitUnread(key, count) {
    await until(async () => await this.unread(key) === count,
                async () => assert.equal(await this.unread(key), count));
  }

  // Keeps what is on the screen; nothing may be wider than it.
  async shot(name) {
    const overflow = await this.page.evaluate(() => {
      const boxes = document.querySelectorAll('html, aside, main, dialog, .messages');
      return Math.max(...[...boxes].map((node) => node.scrollWidth - node.clientWidth));
    });
    assert.ok(overflow <= 0, `${name}: ${overflow} pixels too wide`);
    await this.page.screenshot({ path: `${this.config.shots}/${name}.png` });
  }
}

function same(a, b) {
  return JSON.stringify(a) === JSON.stringify(b);
}

// Polls; `fail` says what is wrong after the time is over.
export async function until(condition, fail, timeout = kTimeout) {
  const end = Date.now() + timeout;
  while (!await condition()) {
    if (Date.now() > end) {
      await fail();
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

// The API, as another system would use it.
export class Api {
  constructor(config) {
    this.config = config;
  }

  async post(path, body) {
    const headers = { 'Content-Type': 'application/json' };
    if (this.config.managerToken) headers.token = this.config.managerToken;
    const answer = await fetch(this.config.api + path,
                               { method: 'POST', headers, body: JSON.stringify(body) });
    assert.equal(answer.status, 200, `${path}: ${answer.status}`);
    return answer.json();
  }

  batch(from, group, texts) {
    return this.post('/message/sendbatch', texts.map((text) => ({
      from_uid: from, channel_id: group, channel_type: 2, header: { red_dot: 1 },
      payload: Buffer.from(JSON.stringify({ type: 1, content: text })).toString('base64'),
    })));
  }
}
