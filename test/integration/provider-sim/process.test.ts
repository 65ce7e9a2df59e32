import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { request } from 'node:https';
import type { IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readBooks } from '../../../provider-sim/books.ts';

interface Ready {
  url: string;
  port: number;
  ca: string;
  keyFile: string;
  books: string;
}

const MAIN = join(import.meta.dirname, '../../../provider-sim/main.ts');
let dir: string;
let running: ChildProcess | undefined;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'provider-sim-'));
});
afterEach(() => {
  running?.kill('SIGKILL');
  rmSync(dir, { recursive: true, force: true });
});

async function start(...args: string[]): Promise<Ready> {
  running = spawn(process.execPath, [MAIN, '--dir', dir, '--port', '0', ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(running, 'exit').then(() => Promise.reject(new Error('It ended before it was ready.')));
  ended.catch(() => {});
  const [line] = (await Promise.race([once(createInterface(running.stdout!), 'line'), ended])) as [string];
  return JSON.parse(line) as Ready;
}

async function stop(): Promise<number | null> {
  running!.kill('SIGTERM');
  const [code] = (await once(running!, 'exit')) as [number | null];
  return code;
}

async function models({ url, ca }: Ready, key: string): Promise<number | undefined> {
  const call = request(`${url}/models`, {
    ca: readFileSync(ca),
    headers: { authorization: `Bearer ${key}` },
  }).end();
  const [answer] = (await once(call, 'response')) as [IncomingMessage];
  answer.resume();
  await once(answer, 'end');
  return answer.statusCode;
}

describe('the simulator as a process', () => {
  it('says where it listens, keeps its CA, key and books over a restart, and ends at SIGTERM', async () => {
    const first = await start();
    const key = readFileSync(first.keyFile, 'utf8').trim();
    expect(statSync(first.keyFile).mode & 0o777).toBe(0o600);
    expect(await models(first, key)).toBe(200);
    expect(await models(first, 'sk-another')).toBe(401);
    const ca = readFileSync(first.ca, 'utf8');
    expect(await stop()).toBe(0);

    const second = await start('--host', '127.0.0.1,127.0.0.2', '--name', 'models.example.test');
    expect(readFileSync(second.ca, 'utf8')).toBe(ca);
    expect(await models({ ...second, url: second.url.replace('127.0.0.1', '127.0.0.2') }, key)).toBe(200);
    expect(await stop()).toBe(0);

    const calls = readBooks(second.books);
    expect(calls.map(({ status }) => status)).toEqual([200, 401, 200]);
    expect(calls[2]!.arrivedMs).toBeGreaterThan(calls[1]!.arrivedMs);
    expect(readFileSync(second.books, 'utf8')).not.toContain(key);
  });

  it('says how it is used where no folder is named', async () => {
    const child = spawn(process.execPath, [MAIN], { stdio: ['ignore', 'ignore', 'pipe'] });
    const [[code], [usage]] = (await Promise.all([once(child, 'exit'), once(child.stderr, 'data')])) as [
      [number],
      [Buffer],
    ];
    expect(code).toBe(2);
    expect(usage.toString()).toContain('--dir');
  });
});
