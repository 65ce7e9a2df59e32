import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { bar, gauge } from '../../../cli/terminal/bars.ts';
import { size } from '../../../cli/terminal/words.ts';
import { chartRows } from '../../../cli/usage/rows.ts';
import { cli, homeOf, scratchHome } from '../../support/cli.ts';
import { FakeApi } from '../../support/fake-api.ts';
import { NOTHING_USED } from '../../support/fake-task.ts';

let api: FakeApi;
let home: ReturnType<typeof scratchHome>;
const run = (argv: string[], options: { tty?: boolean; columns?: number } = {}) =>
  cli(argv, { env: { CLAWCAGE_HOME: home.path, NO_COLOR: '1' }, ...options });

beforeEach(async () => {
  home = scratchHome();
  api = await new FakeApi().start();
  homeOf(home.path, api);
});
afterEach(async () => {
  await api.stop();
  home[Symbol.dispose]();
});

const HOUR = 3600_000;
const row = (hour: number, tokens: number, group: string | null = null) => ({
  from: new Date(Date.UTC(2026, 0, 2, hour)).toISOString(),
  to: new Date(Date.UTC(2026, 0, 2, hour) + HOUR).toISOString(),
  group,
  usage: { ...NOTHING_USED, totalTokens: tokens, requests: 1 },
});

describe('the chart of usage', () => {
  it('draws to an eighth of a column, and never nothing for something', () => {
    expect([0, 1, 50, 99, 100].map((value) => bar(value, 100, 10))).toEqual([
      '',
      '▏',
      '█████',
      '█████████▉',
      '██████████',
    ]);
    expect(gauge(1, 4, 8)).toBe('[██······]');
  });

  it('shows one period without use, and of more only a sign', () => {
    const labels = chartRows([row(1, 5), row(2, 5), row(4, 5), row(9, 5)], 'hour', 'UTC').map((one) =>
      one?.label.slice(11),
    );
    expect(labels).toEqual(['01:00', '02:00', '03:00', '04:00', undefined, '09:00']);
  });

  it('tells times in the zone that was asked for', () => {
    expect(chartRows([row(23, 1)], 'hour', 'Asia/Kolkata').map((one) => one?.label)).toEqual([
      '2026-01-03 04:30',
    ]);
    expect(chartRows([row(23, 1)], 'day', 'Asia/Kolkata').map((one) => one?.label)).toEqual(['2026-01-03']);
  });

  it.each([80, 40, 24])('fits a terminal of %i columns', async (columns) => {
    api.usage = [row(1, 123_456), row(2, 1000), row(3, 1_234_567)];
    const { stdout } = await run(['usage', 'writer', '--by', 'hour', '--time-zone', 'UTC'], {
      tty: true,
      columns,
    });
    const lines = stdout.split('\n').slice(0, 3);
    if (columns > 24) for (const line of lines) expect(line.length).toBeLessThanOrEqual(columns);
    expect(lines[2]).toContain('1 234 567 tokens');
  });

  it('asks for what the flags say', async () => {
    api.usage = [row(1, 5, 'gpt-5')];
    const { stdout } = await run([
      'usage',
      '--by',
      'day',
      '--since',
      '30d',
      '--group',
      'model',
      '--time-zone',
      'UTC',
      '--json',
    ]);
    expect(JSON.parse(stdout)).toMatchObject({ items: [{ group: 'gpt-5' }], total: { totalTokens: 123 } });
    expect(api.usageQueries[0]).toMatchObject({ by: 'day', since: '30d', group: 'model', timeZone: 'UTC' });
    await run(['usage']);
    expect(api.usageQueries[1]).toMatchObject({ by: 'all', group: 'claw' });
    expect((await run(['usage', '--by', 'year'])).code).toBe(2);
  });

  it('says so where nothing was used', async () => {
    expect((await run(['usage'])).stdout).toBe('Nothing was used in that time.\n');
  });
});

describe('tables', () => {
  it.each([80, 40])('fit a terminal of %i columns', async (columns) => {
    api.addClaw('a-claw-with-a-rather-long-name', 'deployed', {
      model: 'a-model-with-a-rather-long-name-2026-01-01',
    });
    api.addKey('work');
    for (const argv of [['claws', 'list'], ['tasks', 'list'], ['keys', 'list'], ['status']]) {
      api
        .addTask({ claw: 'a-claw-with-a-rather-long-name', text: 'x', files: [] })
        .end('failed', { error: 'agent_answer_invalid' });
      const { stdout } = await run(argv, { tty: true, columns });
      for (const line of stdout.split('\n').filter((one) => !one.includes('http')))
        expect(line.length).toBeLessThanOrEqual(columns);
    }
  });

  it('become a block for each row where the columns do not fit', async () => {
    api.addClaw('writer');
    const { stdout } = await run(['claws', 'list'], { tty: true, columns: 30 });
    expect(stdout).toContain('NAME   writer\nSTATE  deployed\n');
  });
});

describe('doctor', () => {
  it('shows what was found, what is wrong and what to do', async () => {
    api.doctor = {
      ok: false,
      checks: [
        { name: 'engine', ok: true, found: 'docker, 2 cages', ms: 5 },
        {
          name: 'clock',
          ok: false,
          reason: 'that of Redis is 9.0 s ahead',
          remedy: 'let NTP set the clocks',
          ms: 1,
        },
      ],
    };
    const { code, stdout } = await run(['doctor']);
    expect(code).toBe(1);
    expect(stdout).toContain(
      '✓ engine       docker, 2 cages\n✗ clock        that of Redis is 9.0 s ahead\n    → let NTP set the clocks\n',
    );
    const json = JSON.parse((await run(['doctor', '--json'])).stdout) as {
      ok: boolean;
      checks: { name: string }[];
    };
    expect(json.ok).toBe(false);
    expect(json.checks.map(({ name }) => name)).toEqual(['service', 'engine', 'clock', 'engine disk']);
  });

  it('lists what is left over, or says that there is nothing', async () => {
    expect((await run(['doctor', '--leftovers'])).stdout).toBe('Nothing is left over.\n');
    api.leftovers = {
      leftovers: [
        {
          kind: 'shredding_key',
          name: 'task_1',
          why: 'its task holds nothing any more',
          action: 'shred',
          ageMs: 12_000,
          dueInMs: 48_000,
        },
      ],
      more: 3,
      unseen: [{ what: 'engine', code: 'runtime_unavailable' }],
    };
    const { code, stdout } = await run(['doctor', '--leftovers']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/shredding key +task_1 +12\.0 s +in 48\.0 s +its task holds nothing any more/);
    expect(stdout).toContain('… and 3 more.\nNot looked at now: engine (runtime_unavailable).\n');
    expect(JSON.parse((await run(['doctor', '--leftovers', '--json'])).stdout)).toEqual(api.leftovers);
  });

  it('looks at what it can where the service does not run, and ends with 4', async () => {
    await api.stop();
    const { code, stdout } = await cli(['doctor', '--json'], {
      env: { CLAWCAGE_HOME: `${home.path}/none`, CLAWCAGE_PORT: '0', DOCKER_HOST: 'unix:///nowhere' },
    });
    expect(code).toBe(4);
    const { checks } = JSON.parse(stdout) as { checks: { name: string; ok: boolean; remedy?: string }[] };
    expect(checks.map(({ name, ok }) => [name, ok])).toEqual([
      ['service', false],
      ['engine', false],
      ['images', false],
      ['engine disk', false],
      ['port', true],
      ['home', true],
      ['disk', true],
    ]);
    expect(checks.filter(({ ok }) => !ok).every(({ remedy }) => remedy !== undefined)).toBe(true);
  });
});

describe('smaller commands', () => {
  it('logs shows the timeline and the kept events, and does not wait', async () => {
    const task = api.addTask({ claw: 'writer', text: 'x', files: [] });
    task.state('running');
    task.emit({ kind: 'tool_call', id: '1', name: 'shell', arguments: '{"command":"ls"}' });
    task.emit({ kind: 'tool_result', id: '1', name: 'shell', ok: true, output: 'a\nb' });
    task.emit({ kind: 'text', text: 'Two ' });
    task.emit({ kind: 'text', text: 'files' });
    const { code, stdout } = await run(['logs', task.id]);
    expect(code).toBe(0);
    expect(stdout).toContain('task_1 of writer: running\n  2026-01-02 03:04:05.000 UTC  made\n');
    expect(stdout).toContain('→ shell {"command":"ls"}\n✓ shell\n  │ a\n  │ b\nTwo files\n');
    task.end('failed', { error: 'agent_failed' });
    const ended = await run(['logs', task.id, '--follow']);
    expect(ended.stdout).toContain('failed after 1.50 s');
    expect(ended.stdout).toContain('error[agent_failed]');
    const json = (await run(['logs', task.id, '--json'])).stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as object);
    expect(json.at(0)).toMatchObject({ event: { kind: 'state' } });
    expect(json.at(-1)).toMatchObject({ task: { state: 'failed' } });
  });

  it('webhooks secret prints it alone, and a new one after --rotate', async () => {
    expect((await run(['webhooks', 'secret'])).stdout).toBe('whsec_Zmlyc3Q=\n');
    expect(JSON.parse((await run(['webhooks', 'secret', '--rotate', '--json'])).stdout)).toEqual({
      secret: 'whsec_c2Vjb25k',
    });
  });

  it('tasks deliveries shows how each went', async () => {
    api.deliveries.push({
      id: 'd1',
      task: 'task_1',
      url: 'https://a.example/',
      state: 'waiting',
      attempts: 2,
      lastStatus: 500,
      nextAt: null,
      createdAt: '2026-01-02T03:04:05.000Z',
    });
    expect((await run(['tasks', 'deliveries', 'task_1'])).stdout).toMatch(
      /https:\/\/a\.example\/ +waiting +2 +500/,
    );
    expect((await run(['tasks', 'deliveries', 'task_2'])).stdout).toContain('No webhook');
  });

  it('keys models lists one on each line', async () => {
    api.addKey('work');
    api.models.set('work', ['gpt-5', 'gpt-image-2']);
    expect((await run(['keys', 'models', 'work'])).stdout).toBe('gpt-5\ngpt-image-2\n');
  });

  it('sizes are short', () => {
    expect([0, 1023, 1024, 5_000_000].map(size)).toEqual(['0 B', '1023 B', '1.0 KiB', '4.8 MiB']);
  });
});
