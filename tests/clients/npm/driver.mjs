// One user of an unmodified npm client in Node: node driver.mjs [wukongimjssdk|wukongimuniappsdk].
// Driven by JSON lines, see tests/e2e/driven_client.py.
import { register } from 'node:module';
import { createInterface } from 'node:readline';
import process from 'node:process';
import WebSocket from 'ws';

import { userOf } from './user.mjs';

console.log = (...parts) => console.error(...parts);  // the client is talkative
globalThis.WebSocket = WebSocket;  // what a browser has; older versions of Node do not
register('./resolve_hooks.mjs', import.meta.url);

const emit = (event) => process.stdout.write(`${JSON.stringify(event)}\n`);

const fetchMessages = async (api, query) => {
  const answer = await fetch(`${api}/channel/messagesync`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(query),
  });
  return (await answer.json()).messages;
};

const client = process.argv[2] ?? 'wukongimjssdk';
const { default: WKSDK } = await import(client);
const model = await import(`${client}/lib/model.js`);
const commands = userOf(WKSDK, model, emit, fetchMessages);
const lines = createInterface({ input: process.stdin });
lines.on('line', (line) => {
  const command = JSON.parse(line);
  commands[command.op](command);
});
lines.on('close', () => process.exit(0));
emit({ event: 'started' });
