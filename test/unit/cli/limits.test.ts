import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { spoken } from '../../../cli/limits/limits-lines.ts';
import { cli, homeOf, scratchHome, startCli } from '../../support/cli.ts';
import { FakeApi } from '../../support/fake-api.ts';
import { level, limitsOf } from '../../support/fake-limits.ts';

let api: FakeApi;
let home: ReturnType<typeof scratchHome>;
type Options = { tty?: boolean; columns?: number; stdin?: string };
const env = () => ({ CLAWCAGE_HOME: home.path, NO_COLOR: '1' });
const run = (argv: string[], options: Options = {}) => cli(['limits', ...argv], { env: env(), ...options });

beforeEach(async () => {
  home = scratchHome();
  api = await new FakeApi().start();
  homeOf(home.path, api);
  api.addClaw('writer');
  api.addKey('openai');
  api.limits.ofClaw = (claw) =>
    limitsOf(
      claw,
      [
        level('claw', 'writer', { tokens: [83_120, 100_000], requests: [3, 60] }, { clawsWaiting: 1 }),
        level('key', 'openai', { tokens: [200, 200], requests: [7, null] }, { clawsWaiting: 2 }),
        level('organisation', 'acme', { requests: [0, 0] }),
      ],
      { calls: { inFlight: 3, most: 8 }, waiting: 2, waitsFor: 'key tokens', freeInMs: 12_340 },
    );
});
afterEach(async () => {
  await api.stop();
  home[Symbol.dispose]();
});

describe('the limits of a Claw', () => {
  it('are bars by level, and what waits for what', async () => {
    const { stdout, code } = await run(['writer'], { tty: true, columns: 80 });
    expect(code).toBe(0);
    expect(stdout.split('\n')).toEqual([
      'writer, deployed',
      expect.stringMatching(/^claw writer {8}tokens {4}█{26}[▉-▏]░{5} {2}83 120 of 100 000$/),
      expect.stringMatching(/^ {19}requests {2}█[▉-▏]?░+ {2}3 of 60$/),
      expect.stringMatching(/^key openai {9}tokens {4}█+ {2}200 of 200$/),
      expect.stringMatching(/^ {19}requests {2} +7, no cap$/),
      `${' '.repeat(19)}2 Claws wait here`,
      expect.stringMatching(/^organisation acme {2}tokens {4} +0, no cap$/),
      expect.stringMatching(/^ {19}requests {2}█+ {2}0 of 0$/),
      `${' '.repeat(19)}closed: a cap of 0 lets nothing out`,
      '3 of 8 calls under way, 2 waiting, the first for tokens of the key',
      'room for a small call: in 12.3 s',
      '',
    ]);
  });

  it.each([100, 60, 40, 30])('fit a terminal of %i columns', async (columns) => {
    const { stdout } = await run(['writer'], { tty: true, columns });
    const drawn = stdout.split('\n').filter((line) => line.includes('░') || line.includes('█'));
    expect(drawn.length).toBeGreaterThan(columns < 35 ? -1 : 3);
    for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(columns);
    expect(stdout).toContain('83 120 of 100 000');
  });

  it('have colours on a terminal, and none where NO_COLOR asks for none', async () => {
    const coloured = await cli(['limits', 'writer'], { env: { CLAWCAGE_HOME: home.path }, tty: true });
    expect(coloured.stdout).toContain('\x1b[');
    expect((await run(['writer'], { tty: true })).stdout).not.toContain('\x1b[');
  });

  it('say so where the provider has closed the key, or the Claw is stopped', async () => {
    api.addClaw('writer', 'stopped');
    api.limits.ofClaw = (claw) =>
      limitsOf(claw, [level('key', 'openai', {}, { closedForMs: 8_000 })], {
        waitsFor: 'key provider',
        freeInMs: null,
      });
    const { stdout } = await run(['writer']);
    expect(stdout).toContain('closed by the provider for 8.00 s');
    expect(stdout).toContain("the next would wait for the provider's own limit");
    expect(stdout).toContain('stopped: nothing goes out until it is deployed');
  });

  it('say why more counts than a cap', async () => {
    api.limits.ofClaw = (claw) => limitsOf(claw, [level('key', 'openai', { tokens: [300, 200] })], {});
    expect((await run(['writer'])).stdout).toContain('300 of 200');
    expect((await run(['writer'])).stdout).toContain('more counts than its cap, which was lowered');
  });

  it('are the reply as it is with --json', async () => {
    expect(JSON.parse((await run(['writer', '--json'])).stdout)).toMatchObject({
      waitsFor: 'key tokens',
      levels: [{ level: 'claw' }, { level: 'key' }, { level: 'organisation' }],
    });
  });

  it('of one that is not there are an error', async () => {
    const { code, stderr } = await run(['nobody']);
    expect([code, stderr]).toEqual([5, expect.stringContaining('error[not_found]')]);
  });

  it('are called by words, also those that are not known yet', () => {
    expect(
      ['claw requests', 'claw calls', 'key turn', 'organisation tokens', 'moon phase'].map(spoken),
    ).toEqual([
      'requests of the Claw',
      'a call under way to end',
      'its turn at the key',
      'tokens of the organisation',
      'moon phase',
    ]);
    expect(['claw queue', 'claw stopped', 'key provider', 'key moonshine', 'a\tb'].map(spoken)).toEqual([
      'the calls before it',
      'its Claw to be deployed',
      "the provider's own limit",
      'key moonshine',
      'a b',
    ]);
  });
});

describe('limits --watch', () => {
  const watched = (options: Options, more: string[] = []) =>
    startCli(['limits', 'writer', '--watch', ...more], { env: env(), ...options });

  it('redraws in place until Ctrl-C, which is its good end', async () => {
    let asked = 0;
    api.limits.ofClaw = (claw) =>
      limitsOf(claw, [level('claw', 'writer', { tokens: [++asked, 10] })], { freeInMs: 0 });
    const { terminal, ended } = watched({ tty: true });
    await vi.waitFor(() => expect(terminal.written.stdout).toContain('2 of 10'), 5000);
    terminal.pressCtrlC();
    const { code, stdout, stderr } = await ended;
    expect([code, stderr]).toEqual([0, '']);
    // Five lines were drawn, and the second time begins at the first of them.
    expect(stdout.split('\x1b[5A\r').length).toBe(asked);
    expect(stdout.startsWith('\x1b[?25l')).toBe(true);
    expect(stdout.endsWith('\x1b[?25h')).toBe(true);
    expect(terminal.listensForCtrlC).toBe(false);
  });

  it('draws anew at once, for the width of now, when the terminal is made narrower', async () => {
    const { terminal, ended } = watched({ tty: true, columns: 80 });
    await vi.waitFor(() => expect(terminal.written.stdout).toContain('room for'), 5000);
    const before = terminal.written.stdout.length;
    terminal.resize(40);
    const anew = terminal.written.stdout.slice(before);
    terminal.pressCtrlC();
    // Eleven lines of 80 columns were drawn, of which eight take two rows now.
    const [back, drawn = ''] = anew.split('\r\x1b[J');
    expect(back).toBe('\x1b[19A');
    expect(drawn).toContain('writer, deployed\n');
    for (const line of drawn.split('\n')) expect(line.length).toBeLessThanOrEqual(40);
    expect((await ended).code).toBe(0);
    expect(terminal.listensForSize).toBe(false);
  });

  it('writes plain lines where the output is no terminal, and goes on while the service is away', async () => {
    const { terminal, ended } = watched({});
    await vi.waitFor(() => expect(terminal.written.stdout).toContain('\n'), 5000);
    await api.stop();
    await vi.waitFor(() => expect(terminal.written.stdout).toContain('does not answer'), 5000);
    await api.start();
    await vi.waitFor(() => expect(terminal.written.stdout.match(/claw tokens/g)?.length).toBe(2), 5000);
    terminal.pressCtrlC();
    const { code, stdout } = await ended;
    expect(code).toBe(0);
    expect(stdout).not.toContain('\x1b');
    expect(stdout.split('\n')[0]).toMatch(
      /^2026-\S+ {2}claw tokens 83120\/100000 requests 3\/60 {2}key tokens 200\/200 requests 7\/- .* waiting 2 for key tokens$/,
    );
  });

  it('writes a line of JSON each time with --json', async () => {
    const { terminal, ended } = watched({ tty: true }, ['--json']);
    await vi.waitFor(() => expect(terminal.written.stdout).toContain('\n'), 5000);
    terminal.pressCtrlC();
    const { code, stdout } = await ended;
    expect(code).toBe(0);
    expect(JSON.parse(stdout.split('\n')[0]!)).toMatchObject({ claw: 'writer', waiting: 2 });
  });

  it('needs a Claw, and a service that answers at first', async () => {
    expect((await run(['--watch'])).code).toBe(2);
    await api.stop();
    expect((await run(['writer', '--watch'])).code).toBe(4);
  });
});

describe('the caps of keys and the organisation', () => {
  it('are shown together', async () => {
    await run(['set', '--key', 'openai', '--tpm', '200000', '--rpm', '0']);
    const { stdout } = await run([]);
    expect(stdout).toMatch(
      /^WHOSE +TOKENS\/MIN +REQUESTS\/MIN +CAGES\norganisation +no cap +no cap +no cap\n/,
    );
    expect(stdout).toMatch(/\nkey openai +200 000 +closed\n$/);
    expect(JSON.parse((await run(['--json'])).stdout)).toEqual({
      organisation: { requestsPerMinute: null, tokensPerMinute: null, maxCages: null },
      keys: [{ name: 'openai', requestsPerMinute: 0, tokensPerMinute: 200_000 }],
    });
  });

  it('are set, and taken away with none', async () => {
    const ofKey = await run(['set', '--key', 'openai', '--tpm', '5000']);
    expect(ofKey.stdout).toBe('Key openai: caps 5 000 tokens/min.\n');
    expect((await run(['set', '--key', 'openai', '--tpm', 'none'])).stdout).toBe('Key openai: caps none.\n');
    const ofAll = await run(['set', '--organisation', '--rpm', '90', '--cages', '20']);
    expect(ofAll.stdout).toBe('Organisation: caps 90 requests/min, 20 cages at once.\n');
    expect(JSON.parse((await run(['set', '--organisation', '--cages', 'none', '--json'])).stdout)).toEqual({
      requestsPerMinute: 90,
      tokensPerMinute: null,
      maxCages: null,
    });
  });

  it.each([
    [['--tpm', '5']],
    [['--key', 'openai', '--organisation', '--tpm', '5']],
    [['--key', 'openai']],
    [['--key', 'openai', '--cages', '3']],
    [['--organisation', '--cages', '0']],
    [['--organisation', '--tpm', '-5']],
    [['--organisation', '--tpm', 'many']],
  ])('are not set by %j', async (argv) => {
    expect((await run(['set', ...argv])).code).toBe(2);
  });

  it('come with a new key', async () => {
    await cli(['keys', 'add', 'work', '--provider', 'openai', '--tpm', '9000'], {
      env: env(),
      stdin: 'sk-canary-0123456789abcdef',
    });
    expect(api.keys.get('work')).toMatchObject({ tokensPerMinute: 9000, requestsPerMinute: null });
  });
});

describe('limits explain', () => {
  const REQUEST = { model: 'gpt-4o', messages: [{ role: 'user', content: 'Hello' }] };

  it('shows the parts of the bound, what is tightened, whether it fits and what to do', async () => {
    api.limits.explained = {
      ...api.limits.explained,
      tightened: { ...api.limits.explained.bound, totalTokens: 1200 },
      fits: [
        { level: 'claw', limit: 'tokens', cap: 100_000, fits: true },
        { level: 'key', limit: 'tokens', cap: 1000, fits: false },
      ],
      advice: ['Set max_completion_tokens to 500 or less.'],
    };
    const { code, stdout } = await run(['explain', 'writer'], { stdin: JSON.stringify(REQUEST) });
    expect(code).toBe(0);
    expect(stdout).toContain('gpt-4o, chat; figures of this model of 2026-11\n');
    expect(stdout).toContain(
      'reserved at first: 3 869 tokens (3 829 in, 40 out)\n  text      3 573  Bytes of',
    );
    expect(stdout).toContain('where that would have to wait: 1 200 tokens');
    expect(stdout).toMatch(
      /✓ claw tokens +fits the cap of 100 000\n✗ key tokens +never fits the cap of 1 000\n/,
    );
    expect(stdout).toContain('→ Set max_completion_tokens to 500 or less.\n');
    expect(api.limits.asked).toEqual([{ claw: 'writer', path: '/v1/chat/completions', body: REQUEST }]);
  });

  it('takes a file, a path and --json', async () => {
    const file = join(home.path, 'request.json');
    writeFileSync(file, JSON.stringify(REQUEST));
    const argv = ['explain', 'writer', file, '--path', '/v1/responses', '--json'];
    expect(JSON.parse((await run(argv)).stdout)).toMatchObject({ bound: { totalTokens: 3869 } });
    expect(api.limits.asked).toMatchObject([{ path: '/v1/responses' }]);
  });

  it('says what is wrong with a request, and nothing of what stands in it', async () => {
    const { code, stderr } = await run(['explain', 'writer'], { stdin: '{"secret-word": ' });
    expect([code, stderr]).toEqual([2, expect.stringContaining('standard input is no JSON object')]);
    expect(stderr).not.toContain('secret-word');
    expect((await run(['explain', 'writer', join(home.path, 'nowhere.json')])).code).toBe(2);
    expect((await run(['explain', 'writer', '--path', '/v1/realtime'], { stdin: '{}' })).code).toBe(2);
    expect((await run(['explain', 'writer'], { tty: true })).code).toBe(2);
  });
});
