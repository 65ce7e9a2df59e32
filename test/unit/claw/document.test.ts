import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { fieldRows, fieldsAt } from '#claw/document-schema.ts';
import { changedSettings, formOf, settingsOf, withoutDefaults } from '#claw/document-settings.ts';
import { clawDocument } from '#claw/document.ts';
import { durationOf, mebibytesOf, msOf, sizeOf } from '#claw/units.ts';
import { clawDefaults, type ClawFields } from '#protocol/api.ts';
import { GUIDE_FILE, guideText, SCHEMA_FILE, schemaText } from '../../../ops/claw-schema.ts';

const LEAST = { name: 'writer', model: 'gpt-4.1-mini', key: 'work' };

describe('units', () => {
  it('come back as they went, whatever the number', () => {
    fc.assert(fc.property(fc.nat(24 * 3600_000), (ms) => msOf(durationOf(ms)) === ms));
    fc.assert(fc.property(fc.nat(1_048_576), (mib) => mebibytesOf(sizeOf(mib)) === mib));
  });

  it('are the largest that are exact', () => {
    expect([0, 1500, 90_000, 600_000, 86_400_000].map(durationOf)).toEqual([
      '0s',
      '1500ms',
      '90s',
      '10m',
      '1d',
    ]);
    expect([64, 1024, 1536].map(sizeOf)).toEqual(['64MiB', '1GiB', '1536MiB']);
  });

  it.each(['10', '10 m', '1.5h', '-1s', '10M', ''])('does not take %o for a time', (text) => {
    expect(msOf(text)).toBeUndefined();
  });
});

describe('a document', () => {
  it('that says the least has the defaults of the API', () => {
    const { model, key } = LEAST;
    expect(settingsOf(clawDocument.parse(LEAST))).toEqual(clawDefaults.parse({ model, key }));
  });

  it('is the form of settings that give the same settings again, whole or without defaults, through YAML', () => {
    fc.assert(
      fc.property(settings(), (given) => {
        const form = formOf('writer', given);
        for (const written of [form, withoutDefaults(form)]) {
          const read = settingsOf(clawDocument.parse(parse(stringify(written, { lineWidth: 0 }))));
          expect(read).toEqual(given);
        }
      }),
      { numRuns: 60 },
    );
  });

  it('without its defaults holds only what differs, also inside of agent, retry and resources', () => {
    const { model, key } = LEAST;
    const usual = clawDefaults.parse({ model, key });
    const form = formOf('writer', { ...usual, retry: { ...usual.retry, attempts: 5 }, timeoutMs: 90_000 });
    expect(withoutDefaults(form)).toEqual({ ...LEAST, timeout: '90s', retry: { attempts: 5 } });
  });

  it.each([
    [{ timeout: '2d' }, 'between 1s and 1d'],
    [{ timeout: 600 }, 'a whole number and ms, s, m, h or d, such as 90s or 10m'],
    [{ resources: { memory: '1MiB' } }, 'between 128MiB and 1024GiB'],
    [{ resources: { memory: '1GB' } }, 'a whole number and MiB or GiB, such as 512MiB'],
  ])('%o is refused with what it takes', (wrong, message) => {
    const result = clawDocument.safeParse({ ...LEAST, ...wrong });
    expect(result.error?.issues.map((issue) => issue.message)).toContain(message);
  });
});

it('what changed is told by fields of the API', () => {
  const before = clawDefaults.parse({ model: 'a', key: 'work' });
  expect(changedSettings(before, { ...before })).toEqual({});
  const reordered = {
    ...before,
    retry: Object.fromEntries(Object.entries(before.retry).toReversed()) as never,
  };
  expect(changedSettings(before, reordered)).toEqual({});
  expect(changedSettings(before, { ...before, model: 'b', egress: ['pypi.org'] })).toEqual({
    model: 'b',
    egress: ['pypi.org'],
  });
});

describe('what is published', () => {
  it('has every field, with its meaning', () => {
    const rows = fieldRows();
    expect(rows.map(({ path }) => path)).toEqual(
      expect.arrayContaining(['name', 'timeout', 'agent.command', 'resources.memory']),
    );
    expect(rows.filter(({ about }) => about === '')).toEqual([]);
    expect(fieldsAt(['agent', 'mcp', 'anything'])).toEqual(['command', 'env', 'url']);
    expect(fieldsAt(['egress', 0])).toEqual([]);
  });

  it('is the schema as it is now: run node ops/claw-schema.ts', async () => {
    expect(readFileSync(SCHEMA_FILE, 'utf8')).toBe(await schemaText());
  });

  it('is the table of the guide as it is now: run node ops/claw-schema.ts', () => {
    const guide = readFileSync(GUIDE_FILE, 'utf8');
    expect(guide).toBe(guideText(guide));
  });
});

function settings(): fc.Arbitrary<ClawFields> {
  const text = fc.string({ unit: 'grapheme', maxLength: 40 }).filter((one) => !one.includes('\0'));
  return fc
    .record({
      model: fc.constantFrom('gpt-4.1-mini', 'yes', '1e3', 'a: b'),
      key: fc.constantFrom('work', 'null', '123', 'off'),
      instructions: text.map((one) => `${one}\n  - indented: ${one}\n`),
      tokensPerMinute: fc.option(fc.nat(1_000_000_000)),
      timeoutMs: fc.integer({ min: 1000, max: 86_400_000 }),
      idleMs: fc.integer({ min: 1000, max: 86_400_000 }),
      maxSteps: fc.integer({ min: 1, max: 500 }),
      egress: fc.array(fc.constantFrom('pypi.org', 'http://a.example:8080', '[::1]:443'), { maxLength: 3 }),
      models: fc.constantFrom({}, { images: ['gpt-image-2'] }),
      retry: fc.record({
        attempts: fc.integer({ min: 1, max: 20 }),
        backoffMs: fc.integer({ min: 0, max: 3600_000 }),
        maxBackoffMs: fc.integer({ min: 0, max: 86_400_000 }),
        idempotent: fc.boolean(),
      }),
      agent: fc.record({
        command: fc.option(
          fc.array(
            text.filter((one) => one !== ''),
            { minLength: 1, maxLength: 3 },
          ),
        ),
        image: fc.option(fc.constant('registry.example/agent:1')),
        mcp: fc.constantFrom(
          {},
          { notes: { command: ['node', 'x.js'], env: { A: '1' } } },
          { web: { url: 'https://a.example/' } },
        ),
      }),
    })
    .map((given) => clawDefaults.parse(given));
}
