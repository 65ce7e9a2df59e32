import type { IncomingMessage } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { APIError } from 'openai';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { issueServerCertificate, LOCAL_NAMES, makeAuthority } from '../../../provider-sim/certificates.ts';
import { cageClock } from '../../../cage-image/cage-clock.ts';
import type { PermitDecision } from '../../../cage-image/meter/messages.ts';
import { GRANTED, MeterBench, MeterUnderTest } from './meter-bench.ts';

let bench: MeterBench;
beforeAll(async () => {
  bench = await MeterBench.start();
});
afterAll(() => bench[Symbol.asyncDispose]());

const say = (content: string) => ({ model: 'gpt-4o', messages: [{ role: 'user' as const, content }] });
const failureOf = (work: Promise<unknown>): Promise<APIError> =>
  work.then(
    () => Promise.reject(new Error('It did not fail.')),
    (error: unknown) => error as APIError,
  );

const LIMITS = {
  requests: { limit: 60, remaining: 59, resetMs: 61_000 },
  tokens: { limit: 40_000, remaining: 38_500, resetMs: 90_000 },
};

describe('what is left of the caps', () => {
  test('is told with an answer of the provider, whose own figures have another name', async () => {
    await using meter = await MeterUnderTest.start(bench);
    meter.decide = () => ({ ...GRANTED, limits: LIMITS }) as PermitDecision;
    const { response } = await meter.client().chat.completions.create(say('@say hi')).withResponse();
    expect(response.headers.get('x-ratelimit-limit-requests')).toBe('60');
    expect(response.headers.get('x-ratelimit-remaining-tokens')).toBe('38500');
    expect(response.headers.get('x-ratelimit-reset-tokens')).toMatch(/^1m(30|2\d(\.\d+)?)s$/);
    expect(response.headers.get('x-provider-ratelimit-limit-requests')).not.toBe('60');
    expect(response.headers.has('x-provider-ratelimit-remaining-tokens')).toBe(true);
  });

  test('is told with every error of ours, a 429 saying when to come back even where that is not known', async () => {
    await using meter = await MeterUnderTest.start(bench, { tokensPerMinute: 9 });
    const before = await failureOf(meter.client().chat.completions.create({ ...say('hi'), model: 'other' }));
    expect(before.headers?.get('x-ratelimit-limit-tokens')).toBe('9');
    expect(before.headers?.has('x-ratelimit-remaining-tokens')).toBe(false);
    const error = { code: 'limit_exceeded', message: 'x', details: { level: 'key', limit: 'tokens' } };
    meter.decide = () => ({ granted: false, error, limits: LIMITS });
    const refused = await failureOf(meter.client().chat.completions.create(say('hi')));
    expect(refused).toMatchObject({ status: 429, type: 'rate_limit_error', code: 'limit_exceeded' });
    expect(refused.message).toContain('the key’s tokens');
    expect(refused.headers?.get('retry-after')).toBe('5');
    expect(refused.headers?.get('x-should-retry')).toBe('true');
    expect(refused.headers?.get('x-ratelimit-limit-tokens')).toBe('40000');
  });

  test('a call that never fits says its bound, the cap, and what to lower', async () => {
    await using meter = await MeterUnderTest.start(bench);
    const details = { level: 'organisation', limit: 'tokens', cap: 12 };
    meter.decide = () => ({ granted: false, error: { code: 'limit_never_fits', message: 'x', details } });
    const refused = await failureOf(meter.client().chat.completions.create(say('hi')));
    const { tokens } = meter.only('permit_request');
    expect(refused.headers?.get('x-should-retry')).toBe('false');
    for (const part of [`${tokens} tokens`, 'organisation’s cap is 12', 'max_completion_tokens'])
      expect(refused.message).toContain(part);
  });
});

describe('a 429 of the provider', () => {
  test('passes with its own time, which is told with the settle', async () => {
    await using meter = await MeterUnderTest.start(bench);
    const error = await failureOf(meter.client().chat.completions.create(say('@fail 429 retry-after 7')));
    expect([error.status, error.headers?.get('retry-after')]).toEqual([429, '7']);
    expect(error.headers?.has('x-clawcage-error')).toBe(false);
    expect(meter.only('settle')).toMatchObject({ charge: 'request', providerResetMs: 7_000 });
  });
});

describe('a permit that comes too late by the cage’s clock', () => {
  test('is given back unused, and another asked for, however much time it says that it has', async () => {
    await using meter = await MeterUnderTest.start(bench);
    meter.decide = () => ({
      granted: true,
      sendWithinMs: 30_000,
      sendBeforeMs: cageClock() + (meter.all('permit_request').length === 1 ? -1 : 20_000),
    });
    await meter.client().chat.completions.create(say('@say hi'));
    expect(meter.all('settle').map(({ charge }) => charge)).toEqual(['none', 'reported']);
    const { atMs } = meter.only('sent');
    expect(cageClock() - atMs).toBeGreaterThan(0);
    expect(cageClock() - atMs).toBeLessThan(10_000);
  });

  test('one after the other is an end: the agent is told to come back', async () => {
    await using meter = await MeterUnderTest.start(bench);
    meter.decide = () => ({ granted: true, sendWithinMs: 30_000, sendBeforeMs: 0 });
    const leaving = new AbortController();
    const call = failureOf(meter.client().chat.completions.create(say('hi'), { signal: leaving.signal }));
    await meter.until('permit_request', 3);
    leaving.abort();
    await call;
    expect(meter.all('sent')).toEqual([]);
    expect(new Set(meter.all('settle').map(({ charge }) => charge))).toEqual(new Set(['none']));
  });
});

describe('a tighter bound', () => {
  test('is found where the call would wait, and asked for under a name of its own', async () => {
    await using meter = await MeterUnderTest.start(bench);
    const error = { code: 'limit_exceeded', message: 'x' };
    meter.decide = (request) =>
      request.canTighten === true ? { granted: false, error, tighten: true } : GRANTED;
    await meter.client().chat.completions.create(say(`@say hi\n${'A word of English. '.repeat(200)}`));
    const [wide, tight] = meter.all('permit_request');
    expect(wide?.canTighten).toBe(true);
    expect(tight?.canTighten).toBeUndefined();
    expect(tight?.callId).not.toBe(wide?.callId);
    expect(tight!.tokens).toBeLessThan(wide!.tokens);
    const settle = meter.only('settle');
    expect(settle).toMatchObject({ callId: tight?.callId, charge: 'reported' });
    expect(settle.usage!.totalTokens).toBeLessThanOrEqual(tight!.tokens);
  });
});

describe('a large body', () => {
  const body = `@say hi\n${'x'.repeat(8 * 1024 * 1024)}`;

  /** Reads as much of a body as it is let, at first nothing, and answers `answerMs` after all of it, or once `answers` is resolved. */
  async function slow({ answerMs = 0, answers = Promise.resolve() } = {}) {
    let left = 0;
    let reading: IncomingMessage | undefined;
    const flow = (): void => void (left > 0 ? reading?.resume() : reading?.pause());
    const { certPem, keyPem, caPem } = issueServerCertificate(makeAuthority(), LOCAL_NAMES);
    const server = createServer({ cert: certPem, key: keyPem }, (request, response) => {
      reading = request.pause().on('data', (chunk: Buffer) => {
        left -= chunk.length;
        flow();
      });
      request.once('end', () => void answers.then(() => setTimeout(() => response.end('{}'), answerMs)));
      flow();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const own = await MeterBench.start([`localhost:${port}`]);
    const provider = own.target({ baseUrl: `https://localhost:${port}/v1`, ca: caPem });
    const meter = await MeterUnderTest.start(own, { provider });
    const read = (bytes: number): void => {
      left += bytes;
      flow();
    };
    const close = async (): Promise<void> => {
      await meter[Symbol.asyncDispose]();
      server.closeAllConnections();
      server.close();
      await own[Symbol.asyncDispose]();
    };
    return { meter, read, [Symbol.asyncDispose]: close };
  }

  test('counts as sent when the provider answers: until then parts of it may be on the way', async () => {
    await using it = await slow({ answerMs: 300 });
    it.read(Infinity);
    const asked = cageClock();
    await it.meter.client().chat.completions.create(say(body));
    expect(it.meter.only('sent').atMs - asked).toBeGreaterThan(300);
    expect(it.meter.heard.slice(-2).map(({ type }) => type)).toEqual(['sent', 'settle']);
  });

  test('counts at the end of its permit where the answer takes longer', async () => {
    const answers = Promise.withResolvers<void>();
    await using it = await slow({ answers: answers.promise });
    it.read(Infinity);
    let sendBeforeMs = 0;
    it.meter.decide = () => ({
      granted: true,
      sendWithinMs: 30_000,
      sendBeforeMs: (sendBeforeMs = cageClock() + 4_000),
    });
    const call = it.meter.client().chat.completions.create(say(body.slice(0, 70_000)));
    await it.meter.until('sent');
    answers.resolve();
    await call;
    expect(it.meter.all('permit_request')).toHaveLength(1);
    expect(it.meter.only('sent').atMs).toBe(sendBeforeMs);
  });

  test('that takes longer than its permit is given more time, under its name, as long as it moves', async () => {
    await using it = await slow();
    const PERMIT_MS = 3_000;
    // Buffers on the way take some megabytes at once; of the rest a third is read whenever more time is asked for.
    it.meter.decide = ({ extend }) => {
      if (extend) it.read(6 * 1024 * 1024);
      return { granted: true, sendWithinMs: PERMIT_MS };
    };
    const began = cageClock();
    await it.meter.client().chat.completions.create(say(body + 'x'.repeat(9 * 1024 * 1024)));
    const [first, ...more] = it.meter.all('permit_request');
    expect(more.length).toBeGreaterThan(1);
    for (const { extend, callId } of more) expect([extend, callId]).toEqual([true, first!.callId]);
    expect(it.meter.only('sent').atMs - began).toBeGreaterThan(PERMIT_MS);
    expect(it.meter.all('settle')).toHaveLength(1);
  });

  test('that is not out within the time of its permit is cut off, says so, and costs what was reserved', async () => {
    await using it = await slow();
    // The first time that more is asked for some of it has moved, into buffers; then nothing.
    it.meter.decide = () => ({ granted: true, sendWithinMs: 3_000 });
    const error = await failureOf(it.meter.client().chat.completions.create(say(body)));
    expect(error).toMatchObject({ status: 502, code: 'provider_unreachable' });
    expect(error.message).toContain('cut off');
    expect(it.meter.only('settle').charge).toBe('full');
    expect(it.meter.only('sent').callId).toBe(it.meter.only('settle').callId);
  });
});
