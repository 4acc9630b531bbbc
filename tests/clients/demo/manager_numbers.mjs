// Whether the overview of the manager page says what the server does: its numbers are computed here
// from the answers of GET /metrics that the page had, and compared with what it shows.
import assert from 'node:assert/strict';

import { until } from './browsers.mjs';

const kUnits = { 'µs': 1e-6, ms: 1e-3, s: 1, B: 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30,
                 TiB: 2 ** 40 };

// The numbers of a text and their units: "3.2 of 1,024 MiB" has two.
function numbersOf(text) {
  return [...text.matchAll(/(\d[\d,]*(?:\.\d+)?)(?: (µs|ms|s|[KMGT]iB|B)(?![a-z]))?/g)]
    .map(([, digits, unit]) => ({ shown: Number(digits.replaceAll(',', '')),
                                  unit: unit === undefined ? 1 : kUnits[unit] }));
}

// Whether a number is that value, rounded for people: below 10 to one decimal place.
function says({ shown, unit }, value) {
  return Math.abs(shown - value / unit) <= (shown < 10 ? 0.0501 : 0.501);
}

class Scrape {
  constructor(text) {
    this.lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
      .map((line) => /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line))
      .map(([, name, labels, value]) => ({ name, labels: labels ?? '', value: Number(value) }));
  }

  // Of all lines of a metric that have these labels.
  sum(name, ...labels) {
    return this.lines
      .filter((line) => line.name === name && labels.every((label) => line.labels.includes(label)))
      .reduce((sum, line) => sum + line.value, 0);
  }

  // Upper bounds of a histogram as its lines have them, ascending.
  bounds(name) {
    const all = this.lines.filter((line) => line.name === `${name}_bucket`)
      .map((line) => /le="([^"]+)"/.exec(line.labels)[1]);
    return [...new Set(all)].sort((a, b) => (a === '+Inf' ? 1 : b === '+Inf' ? -1 : a - b));
  }
}

// How much a counter rose in a second, in the mean of the last three looks.
function rateOf(scrapes, name) {
  const last = scrapes.slice(-4);
  const steps = last.slice(1).map((now, i) => (now.sum(name) - last[i].sum(name))
    / (now.sum('jindou_clock_seconds') - last[i].sum('jindou_clock_seconds')));
  return steps.length === 0 ? 0 : steps.reduce((a, b) => a + b) / steps.length;
}

// Below which `share` of what was observed since `before` lies, on a straight line between the
// bounds around it.
function percentileOf(now, before, name, routes, share) {
  const bounds = now.bounds(name);
  const counts = bounds.map((bound) => routes.map((route) => [`le="${bound}"`, route])
    .reduce((sum, labels) => sum + now.sum(`${name}_bucket`, ...labels)
      - (before?.sum(`${name}_bucket`, ...labels) ?? 0), 0));
  const rank = share * counts[counts.length - 1];
  const at = counts.findIndex((count) => count >= rank);
  const below = at === 0 ? [0, 0] : [Number(bounds[at - 1]), counts[at - 1]];
  if (bounds[at] === '+Inf') return below[0];
  return below[0] + (Number(bounds[at]) - below[0]) * (rank - below[1]) / (counts[at] - below[1]);
}

const kLatencies = {
  jindou_commit_seconds: [''],
  jindou_http_request_seconds: ['route="/message/send"', 'route="/message/sendbatch"'],
};

// What is shown that is not as the scrapes say; none when all is well.
async function wrong(page, scrapes) {
  const now = scrapes[scrapes.length - 1];
  const tile = (name, what) => page.locator(`[data-tile="${name}"] ${what}`);
  const found = [];
  const compare = (what, text, ...values) => {
    const numbers = numbersOf(text);
    const well = values.every((value, i) => numbers[i] !== undefined && says(numbers[i], value));
    if (!well) found.push(`${what}: "${text}", not ${values.join(' and ')}`);
  };
  for (const [name, metric] of [['stored', 'jindou_messages_stored_total'],
                                ['deliveries', 'jindou_deliveries_total'],
                                ['refusals', 'jindou_send_refused_total']]) {
    compare(`rate of ${name}`, await tile(name, '.big').innerText(), rateOf(scrapes, metric));
    compare(name, await tile(name, '.hint').innerText(), now.sum(metric));
  }
  for (const [name, routes] of Object.entries(kLatencies)) {
    const cells = await page.locator(`[data-latency="${name}"] td`).allInnerTexts();
    const quiet = routes.every((route) => now.sum(`${name}_count`, route)
      === scrapes[0].sum(`${name}_count`, route));
    [0.5, 0.95, 0.99].forEach((share, i) => compare(
      `${share} of ${name}`, cells[i],
      percentileOf(now, quiet ? undefined : scrapes[0], name, routes, share)));
  }
  const disk = now.sum('jindou_disk_size_bytes');
  const free = now.sum('jindou_disk_free_bytes');
  compare('disk', await tile('disk', '.big').innerText(), free, disk);
  compare('tables', await tile('disk', '.hint').innerText(), now.sum('jindou_rocksdb_table_bytes'));
  const used = now.sum('process_resident_memory_bytes');
  const limit = now.sum('jindou_memory_limit_bytes');
  compare('memory', await tile('memory', '.big').innerText(), used, limit);
  for (const [name, share] of [['disk', (disk - free) / disk], ['memory', used / limit]]) {
    const shown = await tile(name, 'meter').evaluate((meter) => meter.value);
    if (Math.abs(shown - Math.min(1, share)) > 1e-6) found.push(`meter of ${name}: ${shown}, not ${share}`);
  }
  return found;
}

// The numbers of a quiet server, and of one that has just stored, refused and delivered. `send`
// makes it do so.
export async function numbers(manager, send) {
  const { page } = manager;
  // What the overview has seen is forgotten when another view is opened.
  await manager.open('messages');
  const scrapes = [];
  const listen = async (answer) => {
    if (new URL(answer.url()).pathname !== '/metrics') return;
    scrapes.push(new Scrape(await answer.text().catch(() => '')));
  };
  page.on('response', listen);
  // While one look is shown and the next has come, they differ.
  const agree = async (more = () => true) => {
    let found = [];
    await until(async () => {
      if (scrapes.length === 0 || !more()) return false;
      found = await wrong(page, scrapes);
      return found.length === 0;
    }, () => assert.fail(`${scrapes.length} looks; ${found.join('; ')}`));
  };
  await manager.open('overview');
  await agree();
  await send();
  const rising = (name) => rateOf(scrapes, name) > 0;
  await agree(() => ['jindou_messages_stored_total', 'jindou_deliveries_total',
                     'jindou_send_refused_total'].every(rising));
  page.off('response', listen);
}

// A server that cannot write says so, with its reason, and that it can again. `ask` breaks and mends
// its disk.
export async function unhealthy(manager, config, ask) {
  const { page } = manager;
  const health = async () => {
    const answer = await fetch(`${config.api}/health`);
    return { ...await answer.json(), status: answer.status };
  };
  await manager.open('overview');
  await page.locator('.health.good').waitFor();
  await ask('break the disk');
  const message = {
    method: 'POST', headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ from_uid: 'zoe', channel_id: config.group, channel_type: 2, payload: 'aGk=' }),
  };
  await until(async () => !(await fetch(`${config.api}/message/send`, message)).ok,
              () => assert.fail('the disk is well'));
  const shown = page.locator('.health.bad strong');
  let told = {};
  await until(async () => {
    told = await health();
    return told.status === 500 && (await shown.allInnerTexts())[0] === told.message;
  }, async () => assert.deepEqual(await shown.allInnerTexts(), [told.message]));
  assert.match(told.message, /storage failed/);
  assert.equal((await fetch(`${config.api}/readyz`)).status, 503);
  await manager.look('unhealthy');
  await ask('mend the disk');
  await page.locator('.health.good').waitFor({ timeout: 30_000 });
  assert.equal((await health()).status, 200);
}
