// Runs one scenario of scenarios.mjs: node run.mjs <scenario> '{"url":…,"api":…,"shots":…,"uid":…}'
//
// Standard output has one JSON line for each thing asked of the caller ({"ask":"kill"}), who answers
// with a line on standard input, and in the end {"done":true}. What went wrong is on standard error,
// with a non-zero exit status.
import { mkdirSync } from 'node:fs';
import process from 'node:process';
import { createInterface } from 'node:readline';

import { Browsers } from './browsers.mjs';
import * as scenarios from './scenarios.mjs';

const [name, configText] = process.argv.slice(2);
const config = JSON.parse(configText);
mkdirSync(config.shots, { recursive: true });

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
async function ask(what) {
  process.stdout.write(`${JSON.stringify({ ask: what })}\n`);
  const { done } = await lines.next();
  if (done) throw new Error('nobody answers');
}

const browsers = new Browsers(config);
try {
  await browsers.start();
  await scenarios[name]({ browsers, config, ask });
  browsers.assertClean();
  process.stdout.write('{"done":true}\n');
  process.exitCode = 0;
} catch (error) {
  console.error(error);
  await browsers.showTrouble(name);
  process.exitCode = 1;
} finally {
  await browsers.stop();
}
process.exit();
