import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CageUnderTest } from './cage-bench.ts';
import { MeterBench } from './meter-bench.ts';

let bench: MeterBench;
beforeAll(async () => {
  bench = await MeterBench.start();
});
afterAll(() => bench[Symbol.asyncDispose]());

const command = (script: string) => ({ claw: { command: ['/bin/sh', '-c', script] } });

describe('a cage that is reset', () => {
  test('takes a second task with a new meter, and nothing of the first lies about', async () => {
    await using cage = new CageUnderTest(bench);
    const link = await cage.connect();
    const first = link.hello.meterPublicKey;
    await cage.run('', {
      ...command(`mkdir -p deep/er; echo x >deep/er/file; echo x >${cage.tmp}/left`),
      files: { in: 'x' },
    });
    cage.send({ type: 'reset' });
    const ready = await cage.until('ready');
    expect(ready.proof.ok).toBe(true);
    expect(ready.meterPublicKey).not.toBe(first);
    expect([
      ...readdirSync(cage.work),
      ...readdirSync(cage.tmp),
      ...readdirSync(join(cage.work, '../run')),
    ]).toEqual([]);
    await cage.start('@say second', { epoch: 2, files: { other: 'y' } });
    expect(await cage.until('result', 2)).toMatchObject({ epoch: 2, state: 'succeeded', answer: 'second' });
    expect(readdirSync(join(cage.work, 'in'))).toEqual(['other']);
  });

  test('tells its new key to a controller that comes later', async () => {
    await using cage = new CageUnderTest(bench);
    const link = await cage.connect();
    await cage.run('', command('true'));
    cage.send({ type: 'reset' });
    const { meterPublicKey } = await cage.until('ready');
    await link.close();
    const later = await cage.connect(2, cage.said.length);
    expect(later.hello).toMatchObject({ meterPublicKey });
    expect(later.hello.task).toBeUndefined();
  });

  test('opens no key that was sealed to its earlier meter', async () => {
    await using cage = new CageUnderTest(bench);
    await cage.connect();
    await cage.run('', command('true'));
    const old = await cage.sealKey('task:2');
    cage.send({ type: 'reset' });
    await cage.until('ready');
    cage.sealKey = () => Promise.resolve(old);
    await cage.start('@say never', { epoch: 2 });
    expect((await cage.until('result', 2)).error?.code).toBe('sealing_failed');
  });

  test('while a task runs goes on with it', async () => {
    await using cage = new CageUnderTest(bench);
    await cage.connect();
    await cage.start('', command('while [ ! -e go ]; do sleep 0.02; done; echo went on'));
    await cage.until('started');
    cage.send({ type: 'reset' });
    cage.send({ type: 'file', name: 'x', data: '', last: true });
    cage.send({ type: 'ping', id: 1 });
    await cage.until('pong');
    expect(existsSync(join(cage.work, 'in/x'))).toBe(true);
    cage.send({ type: 'cancel', reason: 'cancelled', graceMs: 100 });
    expect((await cage.until('result')).state).toBe('cancelled');
  });
});
