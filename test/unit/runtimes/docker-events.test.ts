import { expect, test } from 'vitest';
import { EndedReader } from '../../../orchestrator/runtimes/docker/events.ts';

const line = (action: string, nano: bigint, attributes: object, id = 'x1'): string =>
  `{"Action":"${action}","Actor":{"ID":"${id}","Attributes":${JSON.stringify(attributes)}},"timeNano":${nano}}`;
const AT = 1_795_231_892_055_123_457n;

test('an end is read with its exit code', () => {
  const reader = new EndedReader(0);
  expect(reader.read(line('die', AT, { 'clawcage.cage': 'c1', exitCode: '7' }))).toEqual({
    cageId: 'c1',
    exitCode: 7,
    outOfMemory: false,
  });
});

test('an end after a lack of memory says so, for that container only and once', () => {
  const reader = new EndedReader(0);
  const die = { 'clawcage.cage': 'c1', exitCode: '137' };
  expect(reader.read(line('oom', AT, { 'clawcage.cage': 'c1' }, 'x1'))).toBeUndefined();
  expect(reader.read(line('die', AT, die, 'x2'))).toMatchObject({ outOfMemory: false });
  expect(reader.read(line('die', AT, die, 'x1'))).toMatchObject({ outOfMemory: true });
  expect(reader.read(line('die', AT, die, 'x1'))).toMatchObject({ outOfMemory: false });
});

test('following goes on one nanosecond after the last event', () => {
  const reader = new EndedReader(1_000);
  expect(reader.since).toBe('1.000000000');
  reader.read(line('die', AT, { 'clawcage.cage': 'c1', exitCode: '0' }));
  reader.read(line('die', AT - 5n, { 'clawcage.cage': 'c2', exitCode: '0' }));
  expect(reader.since).toBe('1795231892.055123458');
});

test.each([
  '',
  '{',
  'null',
  '7',
  '{}',
  '{"Action":"die"}',
  line('die', AT, {}),
  line('start', AT, { 'clawcage.cage': 'c1' }),
])('the line %j is no end', (text) => expect(new EndedReader(0).read(text)).toBeUndefined());

test('an end without a readable exit code has none', () => {
  expect(new EndedReader(0).read(line('die', AT, { 'clawcage.cage': 'c1' }))).toMatchObject({
    exitCode: undefined,
  });
});
