import { afterAll, beforeAll, expect, it } from 'vitest';
import type { UsageReport } from '#protocol/api.ts';
import { TestService } from '../support/service.ts';

const EMBED = [
  'for n in 1 2; do curl -sSf "$OPENAI_BASE_URL/embeddings" -H "Authorization: Bearer $OPENAI_API_KEY"',
  `-H 'Content-Type: application/json' -d '{"model":"text-embedding-3-small","input":"some words"}' > /dev/null || exit 1; done; echo embedded`,
].join(' ');

let service: TestService;
beforeAll(async () => {
  service = await TestService.start();
  await service.claw('writer');
  await service.claw('thrifty', { model: 'gpt-4o-mini' });
  await service.claw('embedder', {
    models: { embeddings: ['text-embedding-3-small'] },
    agent: { command: ['sh', '-c', EMBED] },
  });
});
afterAll(() => service[Symbol.asyncDispose]());

const COUNTS = ['inputTokens', 'cachedTokens', 'outputTokens', 'reasoningTokens', 'totalTokens'] as const;

type Counts = Record<(typeof COUNTS)[number] | 'requests', number>;

function add(sums: Map<string, Counts>, group: string, counts: Counts): void {
  const before = sums.get(group);
  const keys = ['requests', ...COUNTS] as const;
  sums.set(group, Object.fromEntries(keys.map((key) => [key, (before?.[key] ?? 0) + counts[key]])) as Counts);
}

/** The provider's own books, but for what is no use of a model. */
function booked(by: 'model' | 'operation'): Map<string, Counts> {
  const sums = new Map<string, Counts>();
  for (const call of service.provider.books())
    if (call.status === 200 && call.model !== null) add(sums, call[by]!, { ...call, requests: 1 });
  return sums;
}

async function reported(query: string): Promise<Map<string, Counts>> {
  const sums = new Map<string, Counts>();
  let cursor: string | null = '';
  while (cursor !== null) {
    const report: UsageReport = await service.ask(
      'GET',
      `/api/v1/usage?${query}&limit=1${cursor && `&cursor=${cursor}`}`,
    );
    for (const { group, usage } of report.items) add(sums, group!, usage);
    cursor = report.nextCursor;
  }
  return sums;
}

it("usage is the provider's own books to the token, by model and by operation, also after a restart", async () => {
  const long = 'Some words that come again and again. '.repeat(300);
  const results = await Promise.all([
    service.run('writer', '@say one'),
    service.run('writer', '@tool shell {"command":"echo hello"}\n@say {{last_tool_result}}'),
    service.run('thrifty', '@stream 25 tokens at 500/s'),
    service.run('embedder', 'embed'),
  ]);
  results.push(
    await service.run('writer', `@say two\n${long}`),
    await service.run('writer', `@say two\n${long}`),
  );
  expect(results.map(({ task }) => task.state)).toEqual(results.map(() => 'succeeded'));
  const settled = async () => (await service.ask<UsageReport>('GET', '/api/v1/usage?by=all')).total.requests;
  const calls = () => [...booked('model').values()].reduce((sum, { requests }) => sum + requests, 0);
  await service.until(async () => (await settled()) === calls(), 'the last settle');

  expect(booked('model').size).toBe(3);
  expect(booked('model').get('gpt-4o')!.cachedTokens).toBeGreaterThan(0);
  expect(await reported('by=hour&group=model')).toEqual(booked('model'));
  expect(await reported('by=minute&group=operation&timeZone=Asia/Kolkata')).toEqual(booked('operation'));
  const before = await service.ask<UsageReport>(
    'GET',
    '/api/v1/usage?by=day&group=claw&timeZone=Europe/Berlin',
  );
  expect(before.items.map(({ group }) => group)).toEqual(
    expect.arrayContaining(['embedder', 'thrifty', 'writer']),
  );

  await service.down('SIGKILL');
  await service.up();
  const after = await service.ask<UsageReport>(
    'GET',
    '/api/v1/usage?by=day&group=claw&timeZone=Europe/Berlin',
  );
  expect(after.items).toEqual(before.items);
  expect(await reported('by=hour&group=model')).toEqual(booked('model'));

  const one = await service.ask<UsageReport>('GET', '/api/v1/usage?claw=thrifty&by=all');
  expect(one.total).toEqual(booked('model').get('gpt-4o-mini'));
  const wrong = await service.call<{ error: { code: string } }>('GET', '/api/v1/usage?timeZone=%2B01:00');
  expect([wrong.status, wrong.body.error.code]).toEqual([400, 'request_invalid']);
  expect((await service.call('GET', '/api/v1/usage?cursor=bad')).status).toBe(400);
});
