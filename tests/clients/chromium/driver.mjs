// Users of the unmodified npm client in Chromium, each on a page of its own browser context:
//   node driver.mjs <path of chromium>
// Driven by JSON lines, see tests/e2e/driven_client.py; every command and event names its client,
// and {"op":"open","client":"a"} makes one.
import { once } from 'node:events';
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { chromium } from 'playwright-core';

const emit = (event) => process.stdout.write(`${JSON.stringify(event)}\n`);

const bundle = await build({
  entryPoints: [fileURLToPath(new URL('page.mjs', import.meta.url))],
  bundle: true,
  format: 'iife',
  nodePaths: [fileURLToPath(new URL('node_modules', import.meta.url))],
  write: false,
});
const script = bundle.outputFiles[0].text;
const browser = await chromium.launch({
  executablePath: process.argv[2],
  // Debian's chromium cannot make its sandbox when it runs as root.
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-proxy-server'],
});
const pages = new Map();

// A page from this machine, because Chromium lets no other connect to it.
const html = createServer((_request, response) => {
  response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><title>client</title>');
}).listen(0, '127.0.0.1');
await once(html, 'listening');
const pageAddress = `http://127.0.0.1:${html.address().port}/`;

// In the browser this would be a request to the application's own server.
const fetchMessages = async (api, query) => {
  const answer = await fetch(`${api}/channel/messagesync`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(query),
  });
  return (await answer.json()).messages;
};

async function open(client) {
  const context = await browser.newContext({ ignoreHTTPSErrors: true });
  const page = await context.newPage();
  page.on('console', (message) => console.error(`${client}: ${message.text()}`));
  page.on('pageerror', (error) => console.error(`${client}: ${error.stack}`));
  await page.exposeFunction('emit', (event) => emit({ ...event, client }));
  await page.exposeFunction('fetchMessages', fetchMessages);
  await page.goto(pageAddress);
  await page.addScriptTag({ content: script });
  pages.set(client, page);
  emit({ event: 'started', client });
}

const lines = createInterface({ input: process.stdin });
lines.on('line', async (line) => {
  const { client, ...command } = JSON.parse(line);
  if (command.op === 'open') {
    await open(client);
  } else if (command.op === 'close') {
    await pages.get(client).context().close();
  } else {
    const page = pages.get(client);
    try {
      await page.evaluate((c) => window.commands[c.op](c), command);
    } catch (error) {
      // A test may end, and close its page, while its last command is still at work.
      if (!page.isClosed()) throw error;
    }
  }
});
lines.on('close', async () => {
  await browser.close();
  process.exit(0);
});
emit({ event: 'started' });
