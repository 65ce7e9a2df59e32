import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { FromCage } from '#protocol/link-messages.ts';
import { PIECE_BYTES, sendOutputFiles } from '../../../cage-image/warden/output-files.ts';
import { OUTPUT_LIMITS, scanOutput } from '../../../cage-image/warden/output-scan.ts';

let folder: string;
let out: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'clawcage-out-'));
  out = join(folder, 'out');
  mkdirSync(out);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const put = (path: string, content: string | Buffer = 'x'): void => {
  mkdirSync(dirname(join(out, path)), { recursive: true });
  writeFileSync(join(out, path), content);
};
const paths = async () => (await scanOutput(out)).files.map(({ path }) => path);

describe('the files of /work/out', () => {
  it('are the regular ones, hidden and empty ones too, in order', async () => {
    for (const path of ['b/deep/er.txt', 'a.txt', '.hidden', 'b/größe 1.txt']) put(path);
    put('empty', '');
    mkdirSync(join(out, 'nothing'));
    expect(await paths()).toEqual(['.hidden', 'a.txt', 'b/deep/er.txt', 'b/größe 1.txt', 'empty']);
  });

  it('are none where there is no such folder, or it is a link', async () => {
    rmSync(out, { recursive: true });
    expect(await scanOutput(out)).toEqual({ files: [], leftOut: [] });
    symlinkSync('/etc', out);
    const { files, leftOut } = await scanOutput(out);
    expect(files).toEqual([]);
    expect(leftOut).toEqual([expect.stringContaining('/work/out was left out')]);
  });

  it('are never what a link leads to', async () => {
    writeFileSync(join(folder, 'secret'), 'secret');
    symlinkSync(join(folder, 'secret'), join(out, 'file-link'));
    symlinkSync('/etc', join(out, 'folder-link'));
    symlinkSync('..', join(out, 'up'));
    const { files, leftOut } = await scanOutput(out);
    expect(files).toEqual([]);
    expect(leftOut).toHaveLength(3);
    expect(leftOut.every((text) => text.endsWith('it is a link.'))).toBe(true);
  });

  it('are no pipes, no unreadable names and no paths beyond the limit', async () => {
    execFileSync('mkfifo', [join(out, 'pipe')]);
    writeFileSync(Buffer.concat([Buffer.from(`${out}/`), Buffer.from([0xff, 0x61])]), 'x');
    put('line\nfeed');
    put('escape\u001b[31m');
    put('c1\u0085');
    put(`${'d'.repeat(150)}/${'f'.repeat(150)}`);
    put('good');
    const { files, leftOut } = await scanOutput(out);
    expect(files.map(({ path }) => path)).toEqual(['good']);
    expect(leftOut).toHaveLength(6);
    // eslint-disable-next-line no-control-regex
    expect(leftOut.join('')).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/);
  });

  it('are refused where there are more files and folders than are looked at', async () => {
    // In memory, as in a cage: on a disk so many take seconds.
    const many = mkdtempSync('/dev/shm/clawcage-out-');
    try {
      for (let at = 0; at <= OUTPUT_LIMITS.entries; at++) symlinkSync('x', join(many, String(at)));
      await expect(scanOutput(many)).rejects.toMatchObject({ code: 'output_too_large' });
    } finally {
      rmSync(many, { recursive: true });
    }
  });

  it('may be told to leave one out', async () => {
    put('answer.json');
    put('sub/answer.json');
    const { files } = await scanOutput(out, new Set(['answer.json']));
    expect(files.map(({ path }) => path)).toEqual(['sub/answer.json']);
  });

  it.each([
    [
      'too many of them',
      () => Array.from({ length: OUTPUT_LIMITS.files + 1 }, (_, at) => put(`${at}`)),
      { limitFiles: 100 },
    ],
    [
      'one that is too large',
      () => {
        put('big');
        truncateSync(join(out, 'big'), OUTPUT_LIMITS.fileBytes + 1);
      },
      { path: 'big', bytes: OUTPUT_LIMITS.fileBytes + 1, limitBytes: OUTPUT_LIMITS.fileBytes },
    ],
    [
      'too much in all',
      () => {
        for (let at = 0; at < 5; at++) {
          put(`${at}`);
          truncateSync(join(out, `${at}`), OUTPUT_LIMITS.fileBytes);
        }
      },
      { limitTotalBytes: OUTPUT_LIMITS.totalBytes },
    ],
  ])('are refused where there are %s', async (_, make, details) => {
    make();
    await expect(scanOutput(out)).rejects.toMatchObject({ code: 'output_too_large', details });
  });

  it('may be exactly as many and as large as the limits', async () => {
    for (let at = 0; at < OUTPUT_LIMITS.files; at++) put(`${at}`);
    for (let at = 0; at < 3; at++) truncateSync(join(out, `${at}`), OUTPUT_LIMITS.fileBytes);
    expect(await paths()).toHaveLength(OUTPUT_LIMITS.files);
  });

  it.skipIf(process.getuid?.() === 0)('that cannot be read are left out', async () => {
    put('closed');
    chmodSync(join(out, 'closed'), 0);
    expect((await scanOutput(out)).leftOut).toEqual([expect.stringContaining('EACCES')]);
  });
});

describe('sending them', () => {
  const way = (
    sent: FromCage[],
    acknowledged = () => Promise.resolve(),
    signal = new AbortController().signal,
  ) => ({
    taskId: 't',
    epoch: 1,
    send: (message: FromCage) => void sent.push(message),
    acknowledged,
    signal,
  });
  const pieces = (sent: FromCage[]) => sent.filter((message) => message.type === 'output_file');

  it.each([0, 1, PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, 3 * PIECE_BYTES])(
    'cuts %i bytes into pieces that make the file again',
    async (bytes) => {
      const content = Buffer.from(Array.from({ length: bytes }, (_, at) => at % 251));
      put('a/b', content);
      const sent: FromCage[] = [];
      await sendOutputFiles(out, (await scanOutput(out)).files, way(sent));
      const all = pieces(sent);
      expect(all.map(({ piece }) => piece)).toEqual(all.map((_, at) => at));
      expect(all.map(({ last }) => last)).toEqual(all.map((_, at) => at === all.length - 1));
      expect(Buffer.concat(all.map(({ data }) => Buffer.from(data, 'base64'))).equals(content)).toBe(true);
    },
  );

  it('goes no further ahead than 1.5 MiB of what the controller has taken, and stops where it is told to', async () => {
    put('big');
    truncateSync(join(out, 'big'), 4 * 1024 * 1024);
    const sent: FromCage[] = [];
    const stop = new AbortController();
    const asked = Promise.withResolvers<void>();
    const never = (): Promise<void> => {
      asked.resolve();
      return new Promise(() => undefined);
    };
    const sending = sendOutputFiles(out, (await scanOutput(out)).files, way(sent, never, stop.signal));
    await asked.promise;
    expect(pieces(sent)).toHaveLength(8);
    stop.abort(new Error('stopped'));
    await expect(sending).rejects.toThrow('stopped');
  });
});
