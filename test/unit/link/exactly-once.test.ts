import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LinkSimulation } from '../../support/link-simulation.ts';
import { upTo } from '../../support/link.ts';

type Step = (link: LinkSimulation) => void | Promise<void>;

const side = fc.constantFrom('cage' as const, 'controller' as const);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.constant<Step>((link) => link.cageSend()) },
  { weight: 4, arbitrary: fc.constant<Step>((link) => link.controllerSend()) },
  {
    weight: 8,
    arbitrary: fc.tuple(side, fc.nat({ max: 300 })).map(
      ([to, bytes]): Step =>
        (link) =>
          link.deliver(to, bytes),
    ),
  },
  {
    weight: 3,
    arbitrary: fc.tuple(side, fc.nat({ max: 20 })).map(
      ([to, which]): Step =>
        (link) =>
          link.repeat(to, which),
    ),
  },
  {
    weight: 6,
    arbitrary: fc.nat({ max: 5 }).map(
      (which): Step =>
        (link) =>
          link.release(which),
    ),
  },
  { weight: 2, arbitrary: fc.constant<Step>((link) => link.catchUp()) },
  { weight: 3, arbitrary: fc.constant<Step>((link) => link.connect()) },
  { weight: 2, arbitrary: fc.constant<Step>((link) => link.disconnect()) },
  { weight: 1, arbitrary: fc.constant<Step>((link) => link.takeOver()) },
);

function expectOnceAndInOrder(link: LinkSimulation): void {
  expect(link.fatal).toEqual([]);
  expect(link.controllerSaw).toEqual(upTo(link.sent.byCage));
  for (const [epoch, seen] of link.cageSaw) {
    expect(seen).toEqual(upTo(epoch === link.sent.epoch ? link.sent.byController : seen.length));
  }
  expect(link.cageSaw.get(link.sent.epoch)?.length ?? 0).toBe(link.sent.byController);
}

describe('each application sees each message once and in order', () => {
  it('whatever is cut, lost, repeated, delayed and taken over', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 120 }), async (steps) => {
        const link = new LinkSimulation();
        for (const run of steps) await run(link);
        await link.finish();
        expectOnceAndInOrder(link);
      }),
      { numRuns: 300 },
    );
  });

  it.each(['cage', 'controller'] as const)(
    'at every disconnection point on the way to the %s',
    async (to) => {
      const talk = async (bytes: number): Promise<number> => {
        const link = new LinkSimulation();
        link.connect();
        if (to === 'controller') await link.deliver('cage', Infinity);
        for (let i = 0; i < 4; i++) {
          link.cageSend();
          link.controllerSend();
        }
        if (to === 'cage') {
          await link.deliver('cage', Math.min(bytes, 80));
          await link.deliver('controller', Infinity);
        }
        await link.deliver(to, bytes);
        await link.release(0);
        await link.release(0);
        link.catchUp();
        await link.deliver(to, 20);
        link.disconnect();
        await link.finish();
        expectOnceAndInOrder(link);
        return bytes;
      };
      for (let bytes = 0; bytes < 420; bytes++) await talk(bytes);
    },
  );
});
