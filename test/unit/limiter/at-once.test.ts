import { describe, expect, test } from 'vitest';
import { CodedError } from '#errors/coded-error.ts';
import { AtOnce } from '../../../orchestrator/limiter/at-once.ts';

/** Tasks that go on until the test ends them, in the order in which they were begun. */
class Tasks {
  readonly begun: { readonly name: string; readonly end: (error?: Error) => void }[] = [];

  named = (name: string) => (): Promise<string> =>
    new Promise((resolve, reject) =>
      this.begun.push({ name, end: (error) => (error ? reject(error) : resolve(name)) }),
    );

  get names(): string[] {
    return this.begun.map(({ name }) => name);
  }
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('so many at once', () => {
  test('run, and the others after them in the order in which they came', async () => {
    const [atOnce, tasks] = [new AtOnce(2), new Tasks()];
    const all = ['a', 'b', 'c', 'd'].map((name) => atOnce.run(tasks.named(name)));
    await settled();
    expect(tasks.names).toEqual(['a', 'b']);
    tasks.begun[1]!.end();
    await expect.poll(() => tasks.names).toEqual(['a', 'b', 'c']);
    tasks.begun[2]!.end();
    await expect.poll(() => tasks.names).toEqual(['a', 'b', 'c', 'd']);
    tasks.begun[0]!.end();
    tasks.begun[3]!.end();
    expect(await Promise.all(all)).toEqual(['a', 'b', 'c', 'd']);
  });

  test('one that fails leaves its place to the next', async () => {
    const [atOnce, tasks] = [new AtOnce(1), new Tasks()];
    const failing = atOnce.run(tasks.named('a'));
    const next = atOnce.run(tasks.named('b'));
    await settled();
    tasks.begun[0]!.end(new Error('broken'));
    await expect(failing).rejects.toThrow('broken');
    await expect.poll(() => tasks.names).toEqual(['a', 'b']);
    tasks.begun[1]!.end();
    expect(await next).toBe('b');
  });

  test('all who wait are told when Redis does not answer one, and who comes later is let in', async () => {
    const [atOnce, tasks] = [new AtOnce(1), new Tasks()];
    const hanging = atOnce.run(tasks.named('hangs'));
    const late = Promise.allSettled(['b', 'c', 'd'].map((name) => atOnce.run(tasks.named(name))));
    await settled();
    const unanswered = new CodedError('limiter_unavailable', { reason: 'Redis does not answer in time' });
    tasks.begun[0]!.end(unanswered);
    await expect(hanging).rejects.toBe(unanswered);
    for (const one of await late) expect(one).toMatchObject({ reason: unanswered });
    const next = atOnce.run(tasks.named('next'));
    await settled();
    expect(tasks.names).toEqual(['hangs', 'next']);
    tasks.begun[1]!.end();
    expect(await next).toBe('next');
  });
});
