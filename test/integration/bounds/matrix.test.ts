import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestProvider, type TestProvider } from '../../support/provider.ts';
import { asTightened, measured, median, prepared, ratioOf, type Measured } from './measured.ts';
import { SHAPES, image, type Shape } from './shapes.ts';

let provider: TestProvider;
beforeAll(async () => {
  provider = await startTestProvider({ plain: true });
});
afterAll(() => provider.close());

/** CLAWCAGE_TEST_MATRIX=1 prints every line, not only the medians. */
function print(title: string, all: readonly Measured[]): void {
  const counted = all.filter(({ used }) => used > 0);
  const lines = [...Map.groupBy(counted, ({ operation }) => operation)].map(
    ([operation, some]) =>
      `  ${operation.padEnd(16)} ${String(some.length).padStart(4)} shapes   median ${median(some.map(ratioOf)).toFixed(2)}   worst ${Math.min(...some.map(ratioOf)).toFixed(3)}`,
  );
  if (process.env.CLAWCAGE_TEST_MATRIX === '1')
    for (const one of all)
      lines.push(
        `  ${one.name.slice(0, 60).padEnd(60)} ${String(one.reserved).padStart(8)} ${String(one.used).padStart(8)}  ${ratioOf(one).toFixed(2)}`,
      );
  process.stdout.write(
    `${title}: reserved / used, median ${median(counted.map(ratioOf)).toFixed(2)}\n${lines.join('\n')}\n`,
  );
}

const tooSmall = (all: readonly Measured[]) =>
  all
    .filter(({ reserved, used }) => reserved < used)
    .map(({ name, reserved, used }) => `${name}: reserved ${reserved}, used ${used}`);

describe('the reservation of a call', () => {
  it('is never less than what the provider counts, whatever the request looks like', async () => {
    const all: Measured[] = [];
    for (const shape of SHAPES) all.push(await measured(provider, shape, await prepared(shape)));
    print('by bytes', all);
    print('tightened', all.filter(({ tightened }) => tightened !== undefined).map(asTightened));
    expect(tooSmall(all)).toEqual([]);
    expect(tooSmall(all.map(asTightened))).toEqual([]);
    // All but those that the provider charges by other things than tokens: the table measures something.
    expect(all.filter(({ used }) => used === 0).map(({ name }) => name)).toEqual([
      'speech: by the character',
      'transcriptions: by the second',
      'translations: by the second',
      'moderations: a text',
      'moderations: texts',
    ]);
  });

  it('nor for requests that nobody thought of', async () => {
    await fc.assert(
      fc.asyncProperty(anyRequest, async (shape) => {
        const one = await measured(provider, shape, await prepared(shape));
        expect(tooSmall([one, asTightened(one)])).toEqual([]);
      }),
      { numRuns: 150 },
    );
  });
});

const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 200 }),
  fc.string({ unit: 'grapheme', maxLength: 100 }),
  fc.lorem({ maxCount: 40 }),
);
/** A text that is no script, and that JSON mode and the rest of the simulator let be. */
const plain = text.map((one) => one.replaceAll('@', 'a'));
const picture = fc
  .record({
    width: fc.integer({ min: 1, max: 1500 }),
    height: fc.integer({ min: 1, max: 1500 }),
    detail: fc.constantFrom('low', 'high', 'auto'),
  })
  .map(({ width, height, detail }) => ({
    type: 'image_url',
    image_url: { url: image(width, height), detail },
  }));
const part = fc.oneof(
  { weight: 3, arbitrary: plain.map((one) => ({ type: 'text', text: one })) },
  { weight: 1, arbitrary: picture },
);
const message = fc.record(
  {
    role: fc.constantFrom('user', 'system', 'assistant', 'developer'),
    content: fc.oneof(plain, fc.array(part, { minLength: 1, maxLength: 3 })),
    name: fc.stringMatching(/^[a-zA-Z0-9_-]{1,20}$/),
  },
  { requiredKeys: ['role', 'content'] },
);
const leaf = fc.oneof(
  fc.record({ type: fc.constantFrom('string', 'integer', 'boolean'), description: plain }),
  fc.record({ enum: fc.array(plain, { minLength: 1, maxLength: 4 }) }),
);
const parameters = fc
  .dictionary(fc.stringMatching(/^[a-z_]{1,12}$/), leaf, { maxKeys: 5 })
  .map((properties) => ({
    type: 'object',
    properties,
  }));
const tool = fc
  .record({ name: fc.stringMatching(/^[a-zA-Z0-9_-]{1,30}$/), description: plain, parameters })
  .map((one) => ({ type: 'function', function: one }));

const anyRequest: fc.Arbitrary<Shape> = fc
  .record({
    model: fc.constantFrom('gpt-4o', 'gpt-4o-mini', 'gpt-4.1-mini', 'gpt-5.4'),
    messages: fc.array(message, { minLength: 1, maxLength: 6 }),
    tools: fc.array(tool, { minLength: 1, maxLength: 5 }),
    n: fc.integer({ min: 1, max: 4 }),
    said: fc.integer({ min: 1, max: 60 }),
    stream: fc.boolean(),
  })
  .map(({ said, messages, ...rest }) => ({
    name: JSON.stringify({ ...rest, messages }).slice(0, 300),
    path: '/v1/chat/completions',
    body: {
      ...rest,
      messages: [...messages, { role: 'user', content: `@stream ${said} tokens` }],
      max_completion_tokens: said,
    },
  }));
