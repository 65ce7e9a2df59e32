import { PassThrough } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { readBootstrap } from '../../../cage-image/warden/read-bootstrap.ts';

const BOOTSTRAP = {
  version: 1,
  cageId: 'c',
  linkSecret: 's',
  capability: 'x',
  gate: { socket: '/run/gate/gate.sock' },
  orphanMs: 1,
};

describe('the bootstrap', () => {
  test('is the first line, in however many pieces, and stdin is closed after it', async () => {
    const stdin = new PassThrough();
    const read = readBootstrap(stdin, 5_000);
    const line = `${JSON.stringify(BOOTSTRAP)}\n`;
    stdin.write(line.slice(0, 20));
    stdin.write(`${line.slice(20)}more`);
    expect(await read).toEqual(BOOTSTRAP);
    expect(stdin.destroyed).toBe(true);
  });

  test.each([
    ['not JSON', 'hello\n'],
    ['not whole', '{"version":1'],
    ['of another version', `${JSON.stringify({ ...BOOTSTRAP, version: 2 })}\n`],
    ['with a field that is not known', `${JSON.stringify({ ...BOOTSTRAP, key: 'sk' })}\n`],
    ['without end', 'x'.repeat(100_000)],
  ])('is none where it is %s', async (_, text) => {
    const stdin = new PassThrough();
    stdin.end(text);
    expect(await readBootstrap(stdin, 5_000)).toBeUndefined();
  });

  test('is none where it does not come in time', async () => {
    expect(await readBootstrap(new PassThrough(), 20)).toBeUndefined();
  });
});
