// Turns the built pages into a C++ source: node embed.mjs <directory> <output.cc>
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { extname, join, relative, sep } from 'node:path';
import { gzipSync } from 'node:zlib';

const kTypes = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

const kChat = '/index.html';
const kManager = '/manager.html';

const [directory, output] = process.argv.slice(2);

function filesBelow(where) {
  return readdirSync(where, { withFileTypes: true }).flatMap((entry) => {
    const path = join(where, entry.name);
    return entry.isDirectory() ? filesBelow(path) : [path];
  });
}

// A string literal on lines of moderate length. Every byte that is not plain text becomes three
// octal digits, which, unlike \x, end by themselves.
function literal(bytes) {
  const lines = [];
  for (let start = 0; start < bytes.length; start += 96) {
    let line = '';
    for (const byte of bytes.subarray(start, start + 96)) {
      // '?' too: two of them may begin a trigraph.
      const plain = byte >= 0x20 && byte < 0x7f && byte !== 0x22 && byte !== 0x5c && byte !== 0x3f;
      line += plain ? String.fromCharCode(byte) : `\\${byte.toString(8).padStart(3, '0')}`;
    }
    lines.push(`    "${line}"`);
  }
  return lines.length > 0 ? lines.join('\n') : '    ""';
}

const constants = [];
const rows = [];
// The chat page stands before what the pages load and the manager page behind it, so that each has
// its files in one piece of the table.
function place(path) {
  return path === kChat ? 0 : path === kManager ? 2 : 1;
}

const files = filesBelow(directory).sort()
  .map((file) => ({ file, path: `/${relative(directory, file).split(sep).join('/')}` }))
  .sort((a, b) => place(a.path) - place(b.path));
if (files[0].path !== kChat || files[files.length - 1].path !== kManager) {
  throw new Error(`the pages are not in ${directory}`);
}
files.forEach(({ file, path }, index) => {
  const type = kTypes[extname(file)];
  if (type === undefined) throw new Error(`${path}: no content type is known for it`);
  const bytes = readFileSync(file);
  const zipped = gzipSync(bytes, { level: 9 });
  const etag = createHash('sha256').update(bytes).digest('hex').slice(0, 20);
  constants.push(`constexpr char kBytes${index}[] =\n${literal(bytes)};\n`);
  // Little files would grow, and the saving has to be worth the copy.
  const useful = zipped.length < bytes.length * 0.9;
  if (useful) constants.push(`constexpr char kZipped${index}[] =\n${literal(zipped)};\n`);
  rows.push('    {' + [
    `"${path === kChat ? '/chatdemo' : path}"`,
    `"${type}"`,
    `"W/\\"${etag}\\""`,
    path.startsWith('/assets/'),
    `{kBytes${index}, ${bytes.length}}`,
    useful ? `{kZipped${index}, ${zipped.length}}` : '{}',
  ].join(', ') + '},\n');
});

writeFileSync(output, `// Made by demo/embed.mjs from the built pages.
#include <array>
#include <span>

#include "app/demo_files.h"

namespace jindou::app {
namespace {

${constants.join('\n')}
constexpr std::array<pages::PageFile, ${rows.length}> kFiles = {{
${rows.join('')}}};

}  // namespace

std::span<const pages::PageFile> demo_files() {
  return std::span<const pages::PageFile>(kFiles).first(kFiles.size() - 1);
}
std::span<const pages::PageFile> manager_files() {
  return std::span<const pages::PageFile>(kFiles).subspan(1);
}

}  // namespace jindou::app
`);
