// The npm clients are published as ES modules written for bundlers: their package.json does not say
// "type": "module" and their imports have no file extension. Node refuses both, so these hooks do
// what a bundler would do while resolving. No byte of the package is changed.
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

const inClient = (url) => /\/wukongim(js|uniapp)sdk\/lib\//.test(url ?? '');

export async function resolve(specifier, context, next) {
  if (inClient(context.parentURL) && specifier.startsWith('.')) {
    const path = specifier === '.' ? './index.js' : `${specifier}.js`;
    return next(path, context);
  }
  return next(specifier, context);
}

export async function load(url, context, next) {
  if (inClient(url)) {
    return {
      format: 'module',
      source: await readFile(fileURLToPath(url), 'utf8'),
      shortCircuit: true,
    };
  }
  return next(url, context);
}
