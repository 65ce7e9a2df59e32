import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';

// own-libc.ts NODE FOLDER - runs inside the build of the image, as root: makes copies of Node that need no library of the image they lie in.
//   FOLDER/lib/          the C library that Node was linked against here, and the rest that it loads
//   FOLDER/lib/ld.so     a loader that looks nowhere else: no /etc/ld.so.preload, no cache, no folders of the system
//   FOLDER/agent/ld.so   a loader that looks there first and then in the folders of the system, for add-ons that an agent brings
//   FOLDER/bin/node      0711, on the first
//   FOLDER/agent/node    readable, on the second
// The paths are written over in the binaries, each by one that is not longer, so no tool for ELF files is needed and nothing moves.

const LIBRARIES = /^\s*(?:\S+ => )?(\/\S+) \(0x/gm;
const SYSTEM = { x64: 'x86_64-linux-gnu', arm64: 'aarch64-linux-gnu' } as Record<string, string>;
/** In a container a folder that the runtime makes, in which only root writes and nothing lies that could be loaded. */
const NOWHERE = '/dev/';
const NO_FILE = '/dev/null/none';

function main(node: string, folder: string): void {
  const inFolder = (path: string): string => join(folder, path);
  for (const part of ['bin', 'lib', 'agent']) mkdirSync(inFolder(part), { recursive: true });

  const listed = execFileSync('ldd', [node], { encoding: 'utf8' });
  const files = [...listed.matchAll(LIBRARIES)].map(([, path]) => path ?? '');
  const loader = files.find((path) => basename(path).startsWith('ld-linux'));
  if (loader === undefined) throw new Error(`No loader among what ${node} needs.`);
  for (const file of files.filter((path) => path !== loader)) {
    copyFileSync(file, inFolder(`lib/${basename(file)}`));
    chmodSync(inFolder(`lib/${basename(file)}`), 0o755);
  }

  const multiarch = SYSTEM[process.arch];
  if (multiarch === undefined) throw new Error(`Not known for ${process.arch}: the loader's folders.`);
  const [first, second] = [`/lib/${multiarch}/`, `/usr/lib/${multiarch}/`];
  const dirs = (...paths: string[]): string => `${paths.join('\0')}\0`;
  const system = dirs(first, second, '/lib/', '/usr/lib/');
  const own = (length: number): string => inFolder('lib').padEnd(length, '/');
  const away = (length: number): string => NOWHERE.padEnd(length, '/');
  const bytes = readFileSync(loader);
  const uncached = patched(bytes, '/etc/ld.so.cache\0', `${NO_FILE}\0`);
  write(
    inFolder('agent/ld.so'),
    0o755,
    patched(uncached, system, dirs(own(first.length), second, '/lib/', '/usr/lib/')),
  );
  const closed = dirs(own(first.length), own(second.length), away(5), away(9));
  const unpreloaded = patched(uncached, '/etc/ld.so.preload\0', `${NO_FILE}\0`);
  write(inFolder('lib/ld.so'), 0o755, patched(unpreloaded, system, closed));

  const program = readFileSync(node);
  write(inFolder('bin/node'), 0o711, patched(program, `${loader}\0`, `${inFolder('lib/ld.so')}\0`));
  write(inFolder('agent/node'), 0o755, patched(program, `${loader}\0`, `${inFolder('agent/ld.so')}\0`));
}

/** A copy in which every `from` is `to`, filled up with zeros; an error where there is none, or `to` is longer. */
function patched(bytes: Buffer, from: string, to: string): Buffer {
  if (to.length > from.length)
    throw new Error(`${JSON.stringify(to)} is longer than ${JSON.stringify(from)}`);
  const copy = Buffer.from(bytes);
  const places: number[] = [];
  for (let at = copy.indexOf(from); at !== -1; at = copy.indexOf(from, at + from.length)) places.push(at);
  if (places.length === 0) throw new Error(`${JSON.stringify(from)} is not there`);
  for (const at of places) copy.fill(0, at, at + from.length).write(to, at, 'latin1');
  return copy;
}

function write(path: string, mode: number, bytes: Buffer): void {
  writeFileSync(path, bytes);
  chmodSync(path, mode);
}

const [node = '', folder = ''] = process.argv.slice(2);
main(node, folder);
