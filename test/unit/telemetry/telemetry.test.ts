import { expect, test } from 'vitest';
import { Telemetry } from '../../../orchestrator/telemetry/telemetry.ts';
import { eventually } from '../../support/eventually.ts';

const usage = { inputTokens: 100, cachedTokens: 60, outputTokens: 40, reasoningTokens: 30, totalTokens: 140 };
const settle = (telemetry: Telemetry, claw: string, model = 'gpt-4o') =>
  telemetry.callSettled({ claw, model, usage, source: 'reported' });

/** The lines of one metric, without its help. */
async function lines(telemetry: Telemetry, name: string): Promise<string[]> {
  const page = await telemetry.metrics();
  return page.split('\n').filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
}

test('tokens are counted by direction, and what is a part of them apart', async () => {
  const telemetry = new Telemetry();
  settle(telemetry, 'a');
  settle(telemetry, 'a');
  expect(await lines(telemetry, 'clawcage_tokens_total')).toEqual([
    'clawcage_tokens_total{claw="a",model="gpt-4o",direction="input"} 200',
    'clawcage_tokens_total{claw="a",model="gpt-4o",direction="output"} 80',
  ]);
  expect(await lines(telemetry, 'clawcage_requests_total')).toEqual([
    'clawcage_requests_total{claw="a",model="gpt-4o"} 2',
  ]);
  expect(await lines(telemetry, 'clawcage_cached_input_tokens_total')).toEqual([
    'clawcage_cached_input_tokens_total{claw="a",model="gpt-4o"} 120',
  ]);
});

test('a Claw that was only seen stands at 0, so that its first call is an increase', async () => {
  const telemetry = new Telemetry();
  telemetry.clawSeen({ claw: 'a', model: 'gpt-4o' });
  expect(await lines(telemetry, 'clawcage_requests_total')).toEqual([
    'clawcage_requests_total{claw="a",model="gpt-4o"} 0',
  ]);
  expect(await lines(telemetry, 'clawcage_overrun_tokens_total')).toEqual([
    'clawcage_overrun_tokens_total{claw="a"} 0',
  ]);
  expect(await lines(telemetry, 'clawcage_tasks_ended_total')).toHaveLength(4);
});

test('Claws and models beyond the limit are counted together, and that it happened is counted', async () => {
  const telemetry = new Telemetry({ mostClaws: 2, mostModels: 1 });
  for (const claw of ['a', 'b', 'c', 'd']) settle(telemetry, claw, `model-${claw}`);
  const requests = await lines(telemetry, 'clawcage_requests_total');
  expect(requests).toContain('clawcage_requests_total{claw="other",model="other"} 2');
  expect(requests).toHaveLength(3);
  expect(await lines(telemetry, 'clawcage_folded_labels_total')).toContain(
    'clawcage_folded_labels_total{label="claw"} 2',
  );
});

test('a deleted Claw leaves no series behind, and a late event brings none back', async () => {
  const telemetry = new Telemetry();
  settle(telemetry, 'gone');
  settle(telemetry, 'stays');
  telemetry.windowRead('gone', { tokensPerMinute: 5 }, { requests: 1, tokens: 1, waiting: 0 });
  telemetry.clawDeleted('gone');
  await eventually(async () => expect(await telemetry.metrics()).not.toContain('"gone"'));
  settle(telemetry, 'gone');
  const page = await telemetry.metrics();
  expect(page).not.toContain('"gone"');
  expect(page).toContain('"stays"');
});

test('the tokens held for open calls go up with a permit and down with its end', async () => {
  const telemetry = new Telemetry();
  for (const tokens of [500, 100]) telemetry.tokensReserved({ claw: 'a', tokens });
  telemetry.callSettled({ claw: 'a', model: 'm', usage, source: 'reported', reservedTokens: 500 });
  expect(await lines(telemetry, 'clawcage_tokens_reserved')).toEqual([
    'clawcage_tokens_reserved{claw="a"} 100',
  ]);
  telemetry.permitReturned({ claw: 'a', reservedTokens: 100 });
  expect(await lines(telemetry, 'clawcage_tokens_reserved')).toEqual([
    'clawcage_tokens_reserved{claw="a"} 0',
  ]);
});

test('a denial names the limit, and waits are seconds', async () => {
  const telemetry = new Telemetry();
  telemetry.permitDecided({ claw: 'a', decision: 'denied', waitMs: 2_000, limit: 'tokens' });
  const permits = await lines(telemetry, 'clawcage_permits_total');
  expect(permits).toContain('clawcage_permits_total{claw="a",decision="denied",limit="tokens"} 1');
  expect(await lines(telemetry, 'clawcage_permit_wait_seconds_sum')).toContain(
    'clawcage_permit_wait_seconds_sum{decision="denied"} 2',
  );
});

test('a cap that was taken away is no longer shown', async () => {
  const telemetry = new Telemetry();
  telemetry.windowRead('a', { tokensPerMinute: 1000 }, { requests: 1, tokens: 10, waiting: 2 });
  expect(await lines(telemetry, 'clawcage_cap_tokens_per_minute')).toEqual([
    'clawcage_cap_tokens_per_minute{claw="a"} 1000',
  ]);
  telemetry.windowRead('a', {}, { requests: 1, tokens: 10, waiting: 2 });
  expect(await lines(telemetry, 'clawcage_cap_tokens_per_minute')).toEqual([]);
  expect(await lines(telemetry, 'clawcage_window_tokens')).toEqual(['clawcage_window_tokens{claw="a"} 10']);
});

test('of keys and the organisation there is what counts now; one that is gone is no longer shown, and they are no more than Claws', async () => {
  const telemetry = new Telemetry({ mostClaws: 2 });
  const organisation = { level: 'organisation', id: 'o', caps: {}, requests: 3, tokens: 30 } as const;
  const key = {
    level: 'key',
    id: 'k',
    caps: { tokensPerMinute: 0, requestsPerMinute: 5 },
    requests: 2,
    tokens: 20,
  } as const;
  telemetry.sharedWindowsRead([organisation, key, { ...key, id: 'too many' }]);
  expect(await lines(telemetry, 'clawcage_shared_window_tokens')).toEqual([
    'clawcage_shared_window_tokens{level="organisation",id="o"} 30',
    'clawcage_shared_window_tokens{level="key",id="k"} 20',
  ]);
  expect(await lines(telemetry, 'clawcage_shared_cap_tokens_per_minute')).toEqual([
    'clawcage_shared_cap_tokens_per_minute{level="key",id="k"} 0',
  ]);
  expect(await lines(telemetry, 'clawcage_shared_cap_requests_per_minute')).toEqual([
    'clawcage_shared_cap_requests_per_minute{level="key",id="k"} 5',
  ]);
  telemetry.sharedWindowsRead([organisation]);
  expect(await lines(telemetry, 'clawcage_shared_window_requests')).toEqual([
    'clawcage_shared_window_requests{level="organisation",id="o"} 3',
  ]);
  expect(await telemetry.metrics()).not.toContain('id="k"');
});

test('states are read when the page is asked for, and a reading that fails is counted and spoils nothing', async () => {
  const telemetry = new Telemetry();
  telemetry.onScrape(async () => telemetry.tasksByState({ running: 3 }));
  telemetry.onScrape(async () => {
    throw new Error('the store is away');
  });
  expect(await lines(telemetry, 'clawcage_scrape_errors_total')).toEqual(['clawcage_scrape_errors_total 1']);
  expect(await lines(telemetry, 'clawcage_tasks')).toEqual([
    'clawcage_tasks{state="queued"} 0',
    'clawcage_tasks{state="starting"} 0',
    'clawcage_tasks{state="running"} 3',
  ]);
});

test('cage starts are counted by kind, with their seconds', async () => {
  const telemetry = new Telemetry();
  telemetry.cageStarted({ kind: 'cold', seconds: 0.4 });
  expect(await lines(telemetry, 'clawcage_cage_start_seconds_count')).toEqual([
    'clawcage_cage_start_seconds_count{kind="cold"} 1',
    'clawcage_cage_start_seconds_count{kind="warm"} 0',
    'clawcage_cage_start_seconds_count{kind="adopted"} 0',
  ]);
});
