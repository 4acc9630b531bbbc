// What people do with the chat demo. Each function is one test of tests/e2e/test_demo.py, with an
// empty server of its own.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';

import { Api, narrow, until, wide } from './browsers.mjs';

// Two browsers: a person chat and a group, unread counts, who is online.
export async function chat({ browsers }) {
  const team = 'team';
  const alice = await browsers.open();
  await alice.fillSignIn('alice');
  await alice.shot('01-sign-in-wide-light');
  await alice.button('Sign in').click();
  await alice.waitState('connected');
  await alice.shot('02-empty-wide-light');
  const bob = await browsers.user('bob', { colorScheme: 'dark' });

  await alice.writeTo('bob');
  await alice.text('No messages yet. Say hello.').waitFor();
  await alice.text('online').first().waitFor();
  await alice.send('Hello Bob');
  await alice.send('<b>bold</b> & <img src=x onerror="document.title=1">');
  await bob.waitUnread('1:alice', 2);
  await bob.shot('03-unread-wide-dark');
  await bob.pick('1:alice');
  const said = ['Hello Bob', '<b>bold</b> & <img src=x onerror="document.title=1">'];
  await bob.waitTexts(said);
  await bob.waitUnread('1:alice', 0);
  const long = `Hi Alice, this one is long enough to be wrapped. ${'你好，世界！'.repeat(12)}`;
  await bob.send(long);
  await bob.waitAllSent();
  await alice.waitTexts([...said, long]);
  await alice.label('Message').pressSequentially('first line');
  await alice.page.keyboard.press('Shift+Enter');
  await alice.label('Message').pressSequentially('second line');
  await alice.button('Send').click();
  said.push(long, 'first line\nsecond line');
  for (const user of [alice, bob]) {
    await user.waitTexts(said);
    await user.waitAllSent();
    assert.deepEqual((await user.messages()).map((one) => one.seq), [1, 2, 3, 4]);
  }
  assert.equal(await alice.page.title(), 'Jindou chat');
  await alice.shot('03-person-wide-light');
  await bob.shot('03-person-wide-dark');

  await alice.group(team, 'bob, carol');
  await alice.text('3 members, 2 online').waitFor();
  await alice.send('Welcome, everybody');
  await bob.waitUnread(`2:${team}`, 1);
  // Somebody who signs in later finds it.
  const carol = await browsers.user('carol', { viewport: narrow });
  await carol.waitUnread(`2:${team}`, 1);
  await carol.pick(`2:${team}`);
  await carol.waitTexts(['Welcome, everybody']);
  await carol.send('Thank you');
  await bob.waitUnread(`2:${team}`, 2);
  await bob.pick(`2:${team}`);
  await bob.waitTexts(['Welcome, everybody', 'Thank you']);
  await bob.send('Good to see you both');
  await alice.waitTexts(['Welcome, everybody', 'Thank you', 'Good to see you both']);
  await alice.text('3 members, 3 online').waitFor();
  await alice.shot('04-group-wide-light');
  await bob.shot('05-group-wide-dark');
  await carol.shot('06-group-narrow-light');
  await alice.button('Members').click();
  await alice.page.locator('.members li').nth(2).waitFor();
  await alice.shot('07-members-wide-light');
  await alice.page.keyboard.press('Escape');

  // A reload goes on by itself, and what was read stays read.
  await bob.page.reload();
  await bob.waitState('connected');
  await bob.waitTexts(['Welcome, everybody', 'Thank you', 'Good to see you both']);
  await bob.waitUnread(`2:${team}`, 0);
  await bob.waitUnread('1:alice', 0);

  await bob.button('Sign out').click();
  await bob.label('Your uid').waitFor();
  await bob.page.reload();
  assert.equal(await bob.label('Your uid').inputValue(), 'bob');
  await alice.text('3 members, 2 online').waitFor();
  await alice.pick('1:bob');
  await alice.page.locator('[data-presence="false"]').waitFor();
}

// One browser loses its network: it says so, keeps what is written, and catches up.
export async function offline({ browsers, config }) {
  const group = 'offline';
  const api = new Api(config);
  const alice = await browsers.user('alice');
  const bob = await browsers.user('bob');
  await alice.group(group, 'bob');
  await alice.send('before');
  await bob.waitUnread(`2:${group}`, 1);
  await bob.pick(`2:${group}`);
  await bob.waitTexts(['before']);

  await bob.cutOff();
  await bob.send('written offline 1');
  await bob.send('written offline 2');
  for (let i = 1; i <= 15; ++i) await alice.send(`missed ${i}`);
  await alice.waitAllSent();
  await api.batch('carol', group, Array.from({ length: 230 }, (_, i) => `batch ${i + 1}`));
  await bob.text('waiting for the connection').first().waitFor();
  await bob.shot('08-offline-wide-light');
  assert.equal((await bob.texts()).length, 3);

  await bob.comeBack();
  const expected = ['before', ...Array.from({ length: 15 }, (_, i) => `missed ${i + 1}`),
                    ...Array.from({ length: 230 }, (_, i) => `batch ${i + 1}`),
                    'written offline 1', 'written offline 2'];
  for (const user of [bob, alice]) {
    await user.waitTexts(expected);
    assert.deepEqual((await user.messages()).map((one) => one.seq),
                     expected.map((_, index) => index + 1));
    await user.waitAllSent();
  }
  assert.equal(await bob.unread(`2:${group}`), 0);
}

// The server dies and comes back: both pages go on by themselves, nothing is lost or doubled.
export async function restart({ browsers, config, ask }) {
  const group = 'restart';
  const api = new Api(config);
  const alice = await browsers.user('alice');
  const bob = await browsers.user('bob', { colorScheme: 'dark', viewport: narrow });
  await alice.group(group, 'bob');
  for (let i = 1; i <= 12; ++i) await alice.send(`before ${i}`);
  await alice.waitAllSent();
  await bob.waitUnread(`2:${group}`, 12);
  await bob.pick(`2:${group}`);

  await ask('kill');
  await alice.waitState('offline');
  // More than nine, in whose order the SDK alone would go wrong.
  for (let i = 1; i <= 12; ++i) await alice.send(`while down ${i}`);
  await bob.page.getByText('No connection. Trying again').waitFor();
  await bob.shot('09-server-down-narrow-dark');
  await ask('start');
  await api.batch('carol', group, ['right after']);

  await alice.waitState('connected');
  await bob.waitState('connected');
  for (const user of [alice, bob]) {
    await until(async () => (await user.texts()).length >= 25,
                async () => assert.equal((await user.texts()).length, 25));
    await user.waitAllSent();
  }
  const [ofAlice, ofBob] = [await alice.messages(), await bob.messages()];
  assert.deepEqual(ofAlice.map((one) => one.seq), Array.from({ length: 25 }, (_, i) => i + 1));
  assert.deepEqual(ofBob.map((one) => [one.seq, one.text]),
                   ofAlice.map((one) => [one.seq, one.text]));
  const down = ofAlice.map((one) => one.text).filter((text) => text.startsWith('while down'));
  assert.deepEqual(down, Array.from({ length: 12 }, (_, i) => `while down ${i + 1}`));
}

// The batch panel: each item's own result, refusals in words, repeats, malformed items.
export async function batch({ browsers, config }) {
  const [good, banned, other] = ['news', 'sports', 'weather'];
  const api = new Api(config);
  const bob = await browsers.user('bob', { viewport: narrow, colorScheme: 'dark' });
  const alice = await browsers.user('alice');
  await alice.group(good, 'bob');
  await alice.group(banned, 'bob');
  await alice.button('Members').click();
  await alice.button('Ban the group').click();
  await alice.text(`${banned} is banned now.`).waitFor();

  const outcome = (group) => alice.page.locator(`[data-group="${group}"]`);
  await alice.button('Send a batch').click();
  await alice.button('Post to 1 group').click();
  await alice.page.locator('dialog').getByRole('alert').waitFor();
  await alice.label('Groups').fill(`${good}, ${banned}\n${other}`);
  await alice.page.locator('dialog').getByLabel('Message', { exact: true }).fill('To several groups');
  await alice.button('Post to 3 groups').click();
  await alice.text('2 stored, 1 not').waitFor();
  assert.equal(await outcome(good).getAttribute('data-outcome'), 'stored');
  assert.match(await outcome(good).innerText(), /message \d+, seq 1/);
  assert.equal(await outcome(banned).getAttribute('data-outcome'), 'refused');
  assert.match(await outcome(banned).innerText(), /the channel or the user is banned \(reason 19\)/);
  assert.equal(await outcome(other).getAttribute('data-outcome'), 'stored');
  assert.match(await outcome(other).innerText(), /the group has no members: nobody receives it/);
  assert.doesNotMatch(await outcome(good).innerText(), /no members/);
  const stored = await outcome(good).innerText();
  await alice.shot('10-batch-wide-light');

  // The same numbers again: nothing is stored twice.
  await alice.button('Post the same again').click();
  await alice.text('stored before').first().waitFor();
  assert.equal(await outcome(good).getAttribute('data-outcome'), 'duplicate');
  assert.equal((await outcome(good).innerText()).replace('stored before', 'stored'), stored);
  assert.equal(await outcome(banned).getAttribute('data-outcome'), 'refused');

  // Every item refused: the answer is an error, with the same words for each.
  await alice.label('Groups').fill(banned);
  await alice.button('Post to 1 group').click();
  await alice.text('0 stored, 1 not').waitFor();
  assert.match(await outcome(banned).innerText(), /reason 19/);

  await alice.label('Groups').fill(`${good}, not@valid`);
  await alice.button('Post to 2 groups').click();
  await alice.text('Nothing was sent, because an item is malformed.').waitFor();
  assert.equal(await outcome('not@valid').getAttribute('data-outcome'), 'malformed');
  assert.equal(await outcome(good).getAttribute('data-outcome'), 'untried');
  await alice.page.keyboard.press('Escape');

  // The members of the group received it, once.
  await bob.waitUnread(`2:${good}`, 1);
  await bob.button('Send a batch').click();
  await bob.label('Groups').fill(banned);
  await bob.button(good).click();
  await bob.page.locator('dialog').getByLabel('Message', { exact: true }).fill('From a telephone');
  await bob.button('Post to 2 groups').click();
  await bob.text('1 stored, 1 not').waitFor();
  await bob.shot('11-batch-narrow-dark');
  await bob.page.keyboard.press('Escape');
  await bob.pick(`2:${good}`);
  await bob.waitTexts(['To several groups', 'From a telephone']);

  // A refused message of one's own says why, and can be sent again when the reason is gone.
  await alice.pick(`2:${banned}`);
  await alice.send('Is anybody here?');
  await alice.page.getByText('not sent: the channel or the user is banned').waitFor();
  await alice.shot('12-refused-message-wide-light');
  await api.post('/channel/info', { channel_id: banned, channel_type: 2, ban: 0 });
  await alice.button('Send again').click();
  await alice.waitAllSent();
  await alice.waitTexts(['Is anybody here?']);
}

// Tokens: refused without one, registered from the page, and one session at a time.
export async function kicked({ browsers }) {
  const first = await browsers.open();
  await first.fillSignIn('alice');
  await first.button('Sign in').click();
  await first.page.getByText('The token is missing or wrong.').waitFor();
  await first.page.locator('summary').click();
  await first.shot('13-wrong-token-wide-light');
  await first.signIn('alice', { token: 'secret', register: true });

  const second = await browsers.open({ viewport: narrow });
  await second.fillSignIn('alice', { token: 'wrong', register: false });
  await second.button('Sign in').click();
  await second.page.getByText('The token is missing or wrong.').waitFor();
  await second.signIn('alice', { token: 'secret', register: false });
  // A reload has the token, and goes on as the one session.
  await second.page.reload();
  await second.waitState('connected');

  await first.waitState('kicked');
  await first.page.getByText('You were signed out because you signed in elsewhere.').waitFor();
  await first.shot('14-kicked-wide-light');
  // It does not come back by itself.
  await first.page.evaluate(() => {
    window.dispatchEvent(new Event('online'));
    document.dispatchEvent(new Event('visibilitychange'));
  });
  await second.writeTo('bob');
  await second.send('I am the one');
  await second.waitAllSent();
  await first.waitState('kicked');
  await second.waitState('connected');

  await first.button('Sign in again').click();
  await first.signIn('alice', { token: 'secret', register: false });
  await first.pick('1:bob');
  await first.waitTexts(['I am the one']);
  await second.waitState('kicked');
  // It does not come back by a reload either.
  await second.page.reload();
  await second.button('Sign in').waitFor();
  await first.waitState('connected');
}

// A long history is read upwards, page by page.
export async function history({ browsers, config }) {
  const group = 'history';
  const api = new Api(config);
  await api.post('/channel', { channel_id: group, channel_type: 2, subscribers: ['alice'] });
  const texts = Array.from({ length: 600 }, (_, i) => `message ${i + 1}`);
  await api.batch('bob', group, texts);
  // Payloads that follow no convention: what curl sends, other types, bytes.
  await api.post('/message/sendbatch', [
    'plain text', '{"type":7,"where":"here"}', Buffer.from([0xff, 0xfe, 0x00]),
  ].map((payload) => ({ from_uid: 'system', channel_id: group, channel_type: 2,
                        payload: Buffer.from(payload).toString('base64') })));
  const odd = ['plain text', '{"type":7,"where":"here"}', 'a payload that is no text'];

  const alice = await browsers.user('alice');
  await alice.waitUnread(`2:${group}`, 603);
  await alice.pick(`2:${group}`);
  await alice.waitTexts([...texts, ...odd].slice(-50));
  await alice.text('a payload that is no text').last().waitFor();
  await alice.shot('15-history-wide-light');
  const log = alice.page.locator('.messages');
  const fromEnd = () => log.evaluate((node) => node.scrollHeight - node.scrollTop - node.clientHeight);
  await until(async () => await fromEnd() < 2, () => assert.fail('not at the end'));
  // What is being read stays in its place while older messages come in above.
  const anchor = alice.page.locator('li.message', { hasText: /^message 560/ });
  await log.evaluate((node) => { node.scrollTop = 30; });
  await until(async () => (await alice.texts()).length === 250, () => assert.fail('no second page'));
  const box = await anchor.boundingBox();
  assert.ok(box.y > 0 && box.y < wide.height, `moved to ${box.y}`);
  // A real click scrolls to the button first, and getting there loads a page already.
  await alice.button('Earlier messages').dispatchEvent('click');
  await until(async () => (await alice.texts()).length === 450, () => assert.fail('no third page'));
  await alice.button('Earlier messages').dispatchEvent('click');
  await alice.waitTexts([...texts, ...odd]);
  await alice.text('This is the beginning.').waitFor();

  // Something new does not tear the view away; it is announced.
  await api.batch('bob', group, ['something new']);
  await alice.button('New messages').click();
  await until(async () => await fromEnd() < 2, () => assert.fail('not at the end'));
  // The same odd payloads as deliveries.
  await api.post('/message/send', { from_uid: 'system', channel_id: group, channel_type: 2,
                                    payload: Buffer.from('live plain text').toString('base64') });
  await api.post('/message/send', { from_uid: 'system', channel_id: group, channel_type: 2,
                                    payload: Buffer.from([0xff, 0xfe]).toString('base64') });
  await alice.waitTexts([...texts, ...odd, 'something new', 'live plain text',
                         'a payload that is no text']);
}

// A telephone: list or conversation, the browser's own way back, dark, Chinese.
export async function telephone({ browsers }) {
  const group = 'phone';
  const bob = await browsers.user('bob');
  const alice = await browsers.open({ viewport: narrow, colorScheme: 'dark', hasTouch: true });
  await alice.fillSignIn('alice');
  await alice.shot('16-sign-in-narrow-dark');
  await alice.button('Sign in').click();
  await alice.waitState('connected');
  const list = alice.page.getByRole('navigation');
  const composer = alice.label('Message');
  const shown = async (one, other) => {
    await one.waitFor();
    await other.waitFor({ state: 'hidden' });
  };

  await bob.writeTo('alice');
  await bob.send('Are you there?');
  await bob.group(group, 'alice');
  await bob.send(`A word without any spaces ${'x'.repeat(120)} and more`);
  await alice.waitUnread('1:bob', 1);
  await alice.waitUnread(`2:${group}`, 1);
  await shown(list, composer);
  await alice.shot('17-list-narrow-dark');
  await alice.pick(`2:${group}`);
  await shown(composer, list);
  await alice.send('Yes');
  await alice.waitAllSent();
  await alice.shot('18-group-narrow-dark');
  await alice.button('Back to the conversations').click();
  await shown(list, composer);
  await alice.pick('1:bob');
  await alice.page.goBack();
  await shown(list, composer);
  await alice.button('New chat').click();
  await alice.page.getByRole('dialog').waitFor();
  await alice.shot('19-new-chat-narrow-dark');
  await alice.page.keyboard.press('Escape');
  await alice.pick(`2:${group}`);
  await alice.button('Members').click();
  await alice.page.locator('.members li').nth(1).waitFor();
  await alice.shot('20-members-narrow-dark');
  await alice.page.keyboard.press('Escape');
  await alice.button('Back to the conversations').click();

  await alice.button('中文').click();
  await alice.text('已连接').waitFor();
  assert.equal(await alice.page.locator('html').getAttribute('lang'), 'zh-CN');
  await alice.shot('21-list-narrow-dark-chinese');
  await alice.button('批量发送').click();
  await alice.page.getByRole('dialog').waitFor();
  await alice.shot('22-batch-narrow-dark-chinese');
  await alice.page.keyboard.press('Escape');
  await alice.page.setViewportSize(wide);
  await alice.pick('1:bob');
  await alice.shot('23-person-wide-dark-chinese');
  // The choice is kept.
  await alice.page.reload();
  await alice.text('已连接').waitFor();
}

// Everything by keyboard alone.
export async function keyboard({ browsers }) {
  const user = await browsers.open();
  const { keyboard: keys } = user.page;
  const focused = () => user.page.evaluate(() =>
    document.activeElement.getAttribute('aria-label') ?? document.activeElement.innerText
    ?? document.activeElement.tagName);
  const waitFocus = (name) => until(async () => await focused() === name,
                                    async () => assert.equal(await focused(), name));
  await keys.type('keys');
  await keys.press('Enter');
  user.uid = 'keys';
  await user.waitState('connected');
  while (await focused() !== 'New chat') await keys.press('Tab');
  await keys.press('Enter');
  await user.label('Uid of the other person').waitFor();
  await keys.type('friend');
  await keys.press('Enter');
  await user.label('Message').waitFor();
  await keys.type('typed');
  await keys.press('Enter');
  await user.waitTexts(['typed']);
  await keys.press('Shift+Tab');
  await waitFocus(await user.page.locator('.messages').evaluate((node) =>
    node.getAttribute('aria-label') ?? node.innerText));
  while (await focused() !== 'Send a batch') await keys.press('Shift+Tab');
  await keys.press('Space');
  await user.label('Groups').waitFor();
  await keys.press('Escape');
  // The dialog gives the focus back.
  await waitFocus('Send a batch');
}

// The longest uids stay inside of what they stand in, and every list is one to a screen reader.
async function names({ browsers, config }) {
  const group = 'names';
  const long = `longest-${'x'.repeat(248)}`;
  const api = new Api(config);
  await api.post('/channel', { channel_id: group, channel_type: 2, subscribers: ['alice', long] });
  await api.batch(long, group, ['first', 'second']);
  const alice = await browsers.user('alice', { viewport: narrow });
  await alice.pick(`2:${group}`);
  await alice.waitTexts(['first', 'second']);
  const tooWide = () => alice.page.evaluate(() =>
    [...document.querySelectorAll('.bubble, dialog, .toast')]
      .flatMap((box) => [...box.querySelectorAll('*')].map((node) => [box, node]))
      .filter(([box, node]) => node.getBoundingClientRect().right > box.getBoundingClientRect().right + 1)
      .map(([, node]) => node.className));
  assert.deepEqual(await tooWide(), []);
  await alice.shot('26-long-uid-narrow-light');
  const lists = () => alice.page.getByRole('list').count();
  const log = alice.page.getByRole('log', { name: group });
  assert.equal(await log.getByRole('listitem').count(), 3); // the day is one
  await alice.button('Members').click();
  await alice.page.locator('.members li').nth(1).waitFor();
  assert.equal(await alice.page.getByRole('dialog').getByRole('listitem').count(), 2);
  assert.deepEqual(await tooWide(), []);
  await alice.page.keyboard.press('Escape');
  await alice.button('Back to the conversations').click();
  assert.equal(await alice.page.getByRole('navigation').getByRole('listitem').count(), 1);
  assert.equal(await lists(), await alice.page.locator('ul:visible, ol:visible').count());
}

// Addresses in messages are links to pages that learn nothing of this one; nothing else is a link.
async function addresses({ browsers, config }) {
  const group = 'addresses';
  const api = new Api(config);
  await api.post('/channel', { channel_id: group, channel_type: 2, subscribers: ['alice'] });
  const texts = [
    'see https://example.com/a_(b)?q=1&r=2#top, (or http://example.org/path).',
    '请看https://example.com/路径。谢谢',
    'javascript:alert(1) data:text/html,x file:///etc/passwd ftp://example.com https://',
    '<a href="javascript:alert(1)">https://example.net/"onmouseover="alert(1)</a>',
  ];
  await api.batch('bob', group, texts);
  const alice = await browsers.user('alice');
  await alice.pick(`2:${group}`);
  await alice.waitTexts(texts);
  const links = await alice.page.locator('.messages a').evaluateAll((nodes) => nodes.map((node) => (
    { text: node.textContent, href: node.getAttribute('href'), rel: node.rel, target: node.target })));
  assert.deepEqual(links.map((link) => link.text), [
    'https://example.com/a_(b)?q=1&r=2#top', 'http://example.org/path',
    'https://example.com/路径', 'https://example.net/',
  ]);
  for (const link of links) {
    assert.equal(link.href, new URL(link.text).href);
    assert.deepEqual([link.rel, link.target], ['noopener noreferrer', '_blank']);
  }
  await alice.shot('27-links-wide-light');
}

// Messages of type 2 are shown as pictures, from http and https alone; one that is not there is a link.
async function pictures({ browsers, config }) {
  const group = 'pictures';
  const api = new Api(config);
  await api.post('/channel', { channel_id: group, channel_type: 2, subscribers: ['alice'] });
  const asked = [];
  const image = createServer((request, response) => {
    asked.push(request);
    if (request.url === '/gone.svg') {
      response.writeHead(404).end();
      return;
    }
    response.writeHead(200, { 'Content-Type': 'image/svg+xml' });
    response.end('<svg xmlns="http://www.w3.org/2000/svg" width="1200" height="600"><rect '
      + 'width="1200" height="600" fill="teal"/></svg>');
  });
  await new Promise((done) => { image.listen(0, '127.0.0.1', done); });
  const at = `http://127.0.0.1:${image.address().port}`;
  const send = (payload) => api.post('/message/send', {
    from_uid: 'bob', channel_id: group, channel_type: 2, header: { red_dot: 1 }, payload });
  await api.batch('bob', group, Array.from({ length: 40 }, (_, i) => `line ${i}`));
  const alice = await browsers.user('alice');
  await alice.pick(`2:${group}`);
  await send({ type: 2, url: `${at}/small.svg`, width: 1200, height: 600 });
  const picture = alice.page.locator('.picture img');
  await until(() => picture.evaluateAll((all) => all.length === 1 && all[0].naturalWidth > 0),
              () => assert.fail('no picture'));
  await send({ type: 2, url: `${at}/unknown-size.svg` });
  await until(() => picture.evaluateAll((all) => all.length === 2 && all[1].naturalWidth > 0),
              () => assert.fail('no second picture'));
  // What stands at the end stays in view when a picture grows.
  const fromEnd = () => alice.page.locator('.messages').evaluate(
    (node) => node.scrollHeight - node.scrollTop - node.clientHeight);
  await until(async () => await fromEnd() < 2, () => assert.fail('not at the end'));
  const box = await picture.last().boundingBox();
  assert.ok(box.width <= 680 && box.height <= 320, JSON.stringify(box));
  await alice.shot('28-pictures-wide-light');
  await alice.page.setViewportSize(narrow);
  await alice.shot('29-pictures-narrow-light');
  for (const request of asked) assert.equal(request.headers.referer, undefined);

  await send({ type: 2, url: `${at}/gone.svg` });
  await alice.text(`an image that cannot be shown: ${at}/gone.svg`).waitFor();
  const odd = { type: 2, url: 'javascript:alert(1)' };
  await send(odd);
  await alice.text(JSON.stringify(odd)).waitFor();
  await alice.button('Back to the conversations').click();
  await send({ type: 2, url: `${at}/small.svg` });
  await alice.text('bob: an image').waitFor();
  image.close();
}

// What the system account writes to one person comes without a channel, and in no list of the server's.
async function system({ browsers, config }) {
  const api = new Api(config);
  const send = (text) => api.post('/message/send', {
    channel_id: 'alice', channel_type: 1, header: { red_dot: 1 },
    payload: { type: 1, content: text } });
  const alice = await browsers.user('alice');
  await send('your order has left us');
  const key = '1:____system';
  await alice.waitUnread(key, 1);
  const open = async () => {
    await alice.item(key).click();
    await alice.waitOpen('system');
  };
  await open();
  await alice.waitTexts(['your order has left us']);
  await alice.waitUnread(key, 0);
  await alice.shot('30-system-wide-light');
  await alice.writeTo('bob');
  await alice.cutOff();
  await send('it is on its way');
  await alice.comeBack();
  await alice.waitUnread(key, 1);
  await open();
  await alice.waitTexts(['your order has left us', 'it is on its way']);
  // Another browser, which was not there.
  const later = await browsers.user('alice');
  await later.item(key).click();
  await later.waitTexts(['your order has left us', 'it is on its way']);
}

// One browser and one server for them all: most of the time of a scenario is theirs.
export async function contents(everything) {
  for (const part of [names, addresses, pictures, system]) await part(everything);
}

// A link may carry an address of its own, and tokens are typed into the page: only the server's own word
// counts, also against other ports of the page's host.
export async function links({ browsers, config }) {
  const user = await browsers.open();
  const address = () => user.label('API address').inputValue();
  const follow = async (apiurl, expected) => {
    const page = new URL('chatdemo', config.url);
    page.searchParams.set('apiurl', apiurl);
    await user.page.goto(page.href);
    await until(async () => await address() === expected,
                () => assert.fail(`${apiurl} was taken`));
  };
  await follow('http://evil.example/steal', config.api);
  await follow('http://127.0.0.1.evil.example:5001', config.api);
  let heard = 0;
  const other = createServer((request, response) => {
    ++heard;
    response.end();
  });
  await new Promise((done) => { other.listen(0, '127.0.0.1', done); });
  for (const host of ['127.0.0.1', 'localhost']) {
    await follow(`http://${host}:${other.address().port}`, config.api);
  }
  await user.signIn('alice', { token: 'a-token' });
  assert.equal(heard, 0);
  other.close();
  // Nor does a session of this tab go on behind another link.
  await follow('http://evil.example/steal', config.api);
  await follow(config.api, config.api);
  // A server that says nothing is asked at its usual port.
  const { hostname } = new URL(config.url);
  await user.page.route('**/api.json', (route) => route.abort());
  await follow('http://evil.example/steal', `http://${hostname}:5001`);
}

// What goes wrong is said in words: no API, no manager token, a wrong one.
export async function errors({ browsers, config }) {
  const user = await browsers.open();
  await user.fillSignIn('alice');
  await user.label('API address').fill('http://127.0.0.1:1');
  await user.button('Sign in').click();
  await user.page.getByText('The API at http://127.0.0.1:1 cannot be reached.').waitFor();
  await user.shot('24-no-api-wide-light');
  await user.label('API address').fill('ftp://127.0.0.1');
  await user.button('Sign in').click();
  await user.text('The API address has to begin with http:// or https://.').waitFor();
  await user.label('API address').fill(config.api);
  await user.label('Your uid').fill('a@b');
  await user.button('Sign in').click();
  await user.page.getByText('The uid has 1 to 256 bytes').waitFor();

  await user.label('Your uid').fill('alice');
  await user.button('Sign in').click();
  await user.page.getByText('The API wants its manager token.').waitFor();
  await user.fillSignIn('alice', { managerToken: 'wrong' });
  await user.button('Sign in').click();
  await user.text('The API does not accept this manager token.').waitFor();
  await user.signIn('alice', { managerToken: config.managerToken });
  await user.group('errors');
  await user.send('with a manager token');
  await user.waitAllSent();
  // Kept nowhere: after a reload it has to be given again.
  await user.page.reload();
  assert.equal(await user.label('Your uid').inputValue(), 'alice');
  assert.equal(await user.label('Manager token of the API').inputValue(), '');
  await user.button('Sign in').click();
  await user.page.getByText('The API wants its manager token.').waitFor();
  assert.doesNotMatch(await user.page.evaluate(() => JSON.stringify({ ...sessionStorage, ...localStorage })),
                      new RegExp(config.managerToken));
}

export { manager } from './manager.mjs';
