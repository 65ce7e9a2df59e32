import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, normalize } from 'node:path';
import { crc32 } from 'node:zlib';
import { issueServerCertificate, makeAuthority } from '../../../provider-sim/certificates.ts';

/** The name by which a gate's container reaches the machine. */
export const HOST = 'host.docker.internal';

/** One TLS server as far as a git client, npm, pip and curl need one: a repository over the dumb protocol, and an index of one package each. */
export interface PackageServers extends AsyncDisposable {
  readonly port: number;
  readonly caPem: string;
  readonly requests: readonly string[];
}

export async function startPackageServers(): Promise<PackageServers> {
  const folder = mkdtempSync(join(tmpdir(), 'clawcage-packages-'));
  const authority = makeAuthority();
  const certificate = issueServerCertificate(authority, [HOST]);
  const requests: string[] = [];
  const server = createServer({ cert: certificate.certPem, key: certificate.keyPem }, (request, response) => {
    const path = normalize(new URL(request.url ?? '/', 'https://x').pathname);
    requests.push(path);
    if (path.endsWith('/')) response.setHeader('content-type', 'text/html');
    try {
      response.end(readFileSync(join(folder, path.endsWith('/') ? `${path}index.html` : path)));
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '0.0.0.0', resolve));
  const { port } = server.address() as AddressInfo;
  writeRepository(folder);
  writeNpmPackage(folder, `https://${HOST}:${port}`);
  writeWheel(folder);
  writeFileSync(join(folder, 'hello.txt'), 'hello from outside\n');
  return {
    port,
    caPem: authority.certPem,
    requests,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      rmSync(folder, { recursive: true });
    },
  };
}

function writeRepository(folder: string): void {
  const source = join(folder, 'source');
  mkdirSync(source);
  writeFileSync(join(source, 'README'), 'cloned\n');
  const env = { PATH: process.env['PATH'], HOME: folder, GIT_CONFIG_NOSYSTEM: '1' };
  const git = (...args: string[]): unknown => execFileSync('git', args, { cwd: source, env, stdio: 'pipe' });
  git('init', '-q', '-b', 'main');
  git('add', '.');
  git('-c', 'user.name=t', '-c', 'user.email=t@t', 'commit', '-q', '-m', 'one');
  git('clone', '-q', '--bare', '.', join(folder, 'repo.git'));
  git('-C', join(folder, 'repo.git'), 'update-server-info');
}

function writeNpmPackage(folder: string, origin: string): void {
  mkdirSync(join(folder, 'npm/package'), { recursive: true });
  const manifest = { name: 'tiny-words', version: '1.0.0', main: 'index.js' };
  writeFileSync(join(folder, 'npm/package/package.json'), JSON.stringify(manifest));
  writeFileSync(join(folder, 'npm/package/index.js'), `module.exports = 'from npm';\n`);
  const tarball = join(folder, 'npm/tiny-words-1.0.0.tgz');
  execFileSync('tar', ['-czf', tarball, '-C', join(folder, 'npm'), 'package']);
  const integrity = `sha512-${createHash('sha512').update(readFileSync(tarball)).digest('base64')}`;
  const dist = { tarball: `${origin}/npm/tiny-words-1.0.0.tgz`, integrity };
  const packument = {
    name: 'tiny-words',
    'dist-tags': { latest: '1.0.0' },
    versions: { '1.0.0': { ...manifest, dist } },
  };
  writeFileSync(join(folder, 'npm/tiny-words'), JSON.stringify(packument));
}

/** A wheel (https://packaging.python.org/specifications/binary-distribution-format/) and its index page (PEP 503). */
function writeWheel(folder: string): void {
  const file = 'tiny_words-1.0.0-py3-none-any.whl';
  mkdirSync(join(folder, 'simple/tiny-words'), { recursive: true });
  const info = 'tiny_words-1.0.0.dist-info';
  const wheel = zip({
    'tiny_words.py': "WORDS = 'from pip'\n",
    [`${info}/METADATA`]: 'Metadata-Version: 2.1\nName: tiny-words\nVersion: 1.0.0\n',
    [`${info}/WHEEL`]: 'Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n',
    [`${info}/RECORD`]: ['tiny_words.py', `${info}/METADATA`, `${info}/WHEEL`, `${info}/RECORD`]
      .map((name) => `${name},,\n`)
      .join(''),
  });
  writeFileSync(join(folder, 'simple/tiny-words', file), wheel);
  writeFileSync(join(folder, 'simple/tiny-words/index.html'), `<a href="${file}">${file}</a>`);
}

/** A ZIP archive whose files are stored as they are (APPNOTE 4.3). */
function zip(files: Record<string, string>): Buffer {
  const bodies: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const [name, text] of Object.entries(files)) {
    const [path, data] = [Buffer.from(name), Buffer.from(text)];
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE(0x21, 8); // 1 January 1980
    common.writeUInt32LE(crc32(data), 10);
    common.writeUInt32LE(data.length, 14);
    common.writeUInt32LE(data.length, 18);
    common.writeUInt16LE(path.length, 22);
    const local = Buffer.concat([Buffer.from('PK\x03\x04'), common, path, data]);
    const rest = Buffer.alloc(14);
    rest.writeUInt32LE(offset, 10);
    directory.push(Buffer.concat([Buffer.from('PK\x01\x02'), Buffer.from([20, 0]), common, rest, path]));
    bodies.push(local);
    offset += local.length;
  }
  const central = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 'latin1');
  end.writeUInt16LE(directory.length, 8);
  end.writeUInt16LE(directory.length, 10);
  end.writeUInt32LE(central.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...bodies, central, end]);
}
