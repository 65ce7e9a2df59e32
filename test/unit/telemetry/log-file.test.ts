import type * as Fs from 'node:fs';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { execFile } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { openLog } from '../../../orchestrator/log.ts';

const fs = vi.hoisted(() => ({ spaceBytes: Infinity }));
vi.mock('node:fs', async (original) => {
  const real = await original<typeof Fs>();
  /** Takes as much as there is space for, as the system call does, and fails where there is none. */
  const writeSync = (file: number, bytes: Buffer, offset: number): number => {
    const rest = bytes.subarray(offset, offset + fs.spaceBytes);
    if (rest.length === 0) throw Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' });
    fs.spaceBytes -= rest.length;
    return real.writeSync(file, rest);
  };
  return { ...real, writeSync };
});

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'clawcage-log-'));
  mkdirSync(join(home, 'log'));
  fs.spaceBytes = Infinity;
});
afterEach(() => rmSync(home, { recursive: true }));

const LOG = fileURLToPath(new URL('../../../orchestrator/log.ts', import.meta.url));
const SERVICE = `
  const { openLog } = await import(process.argv[1]);
  const log = openLog(process.argv[2], 'info');
  for (let line = 0; line < 3_000; line++) log.info({ filler: 'x'.repeat(1_000) }, 'line');
  await new Promise((resolve) => setTimeout(resolve, 50));
  console.log('goes on');
`;

const written = (): string[] =>
  readFileSync(join(home, 'log', 'orchestrator.log'), 'utf8')
    .trimEnd()
    .split('\n');
const told = (lines: string[]) =>
  lines.map((line) => {
    const { msg, lines: lost } = JSON.parse(line) as { msg: string; lines?: number };
    return [msg, lost];
  });
/** As long as the one that is written. */
const notice = (lines: number): string =>
  `${JSON.stringify({ level: 40, time: new Date().toISOString(), lines, msg: 'log lines were lost' })}\n`;

describe('a disk that is full', () => {
  it('takes no log, and neither ends the service nor keeps it from ending', async () => {
    // Every write to it fails as one to a full disk does.
    symlinkSync('/dev/full', join(home, 'log', 'orchestrator.log'));
    const args = ['--input-type=module', '--eval', SERVICE, LOG, home];
    const { stdout } = await promisify(execFile)(process.execPath, args);
    expect(stdout).toBe('goes on\n');
  });

  it('is told of in the log once it has space again, and no line runs into another', () => {
    const log = openLog(home, 'info');
    log.info('before');
    fs.spaceBytes = 10;
    log.info('torn');
    log.info('lost');
    fs.spaceBytes = Infinity;
    log.info('after');
    log.info('later');
    const lines = written();
    expect(lines[1]).toHaveLength(10);
    expect(told(lines.toSpliced(1, 1))).toEqual([
      ['before', undefined],
      ['log lines were lost', 2],
      ['after', undefined],
      ['later', undefined],
    ]);
  });

  it('is told of once for each line, also where it takes what is told and not the line behind it', () => {
    const log = openLog(home, 'info');
    fs.spaceBytes = 10;
    log.info('torn');
    log.info('lost');
    fs.spaceBytes = '\n'.length + notice(2).length + 'torn'.length;
    log.info('torn, too');
    // Room for the end of the torn line alone, and for nothing behind it.
    fs.spaceBytes = '\n'.length;
    log.info('lost');
    fs.spaceBytes = Infinity;
    log.info('after');
    const lines = written();
    expect([lines[0]?.length, lines[2]?.length]).toEqual([10, 4]);
    expect(told([lines[1]!, ...lines.slice(3)])).toEqual([
      ['log lines were lost', 2],
      ['log lines were lost', 2],
      ['after', undefined],
    ]);
  });
});
