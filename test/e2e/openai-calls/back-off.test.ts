import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { keyFingerprint, worstWindow } from '../../../provider-sim/books.ts';
import { makeKey } from '../../../provider-sim/keys.ts';
import { toolsImage } from '../../support/images.ts';
import { TestService } from '../../support/service.ts';

interface Seen {
  readonly texts: readonly string[];
  readonly answers: readonly { readonly status: number; readonly headers: Record<string, string> }[];
}
const PROGRAMS = {
  'Node’s package': ['node', 'back-off.mjs'],
  'Python’s package': ['python3', 'back_off.py'],
} as const;
type Name = keyof typeof PROGRAMS;
const NAMES = Object.keys(PROGRAMS) as Name[];
const REQUESTS = 2;
/** Those after others come so long after the first answer. */
const CAPPED = [0, 0, 200].map((afterMs, at) => ({ script: `@say answer ${at}`, afterMs }));
const SENT_AWAY = [
  { script: '@fail 429 retry-after 2 times 1\n@say answer 0', afterMs: 0 },
  { script: '@say answer 1', afterMs: 700 },
];

let folder: string;
let service: TestService;
let image: string;
/** Each has a key of its own, by which the books tell them apart. */
const seen = new Map<
  string,
  { readonly result: Seen; readonly calls: ReturnType<TestService['chatCalls']> }
>();

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'clawcage-back-off-'));
  await build({
    entryPoints: [fileURLToPath(import.meta.resolve('./back-off.ts'))],
    outfile: join(folder, 'back-off.mjs'),
    bundle: true,
    format: 'esm',
    platform: 'node',
    logLevel: 'warning',
  });
  image = await toolsImage();
  // Whoever has to wait longer is sent away at once, and told when to come back.
  service = await TestService.start({ CLAWCAGE_PERMIT_WAIT_MS: '1000' });
  await service.addKey('main');
  await Promise.all(
    NAMES.flatMap((name) => [
      made(`capped-${PROGRAMS[name][0]}`, name, CAPPED, { requestsPerMinute: REQUESTS }),
      made(`sent-away-${PROGRAMS[name][0]}`, name, SENT_AWAY, {}),
    ]),
  );
}, 240_000);
afterAll(async () => {
  await service?.[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

async function made(claw: string, name: Name, calls: object[], caps: object): Promise<void> {
  const [program, script] = PROGRAMS[name];
  const secret = makeKey();
  service.provider.keys.add(secret);
  await service.addKey(claw, secret, false);
  await service.claw(claw, {
    key: claw,
    agent: { command: [program, `/work/in/${script}`, JSON.stringify(calls)], image },
    ...caps,
  });
  const source = script === 'back-off.mjs' ? join(folder, script) : join(import.meta.dirname, script);
  const file = { name: script, data: readFileSync(source).toString('base64') };
  const id = await service.submit(claw, { text: 'Make the calls.', files: [file] });
  const { task, answer } = await service.result(id, 150_000);
  if (task.state !== 'succeeded') throw new Error(`${claw}: ${JSON.stringify(task.error)}`);
  seen.set(claw, {
    result: JSON.parse(answer!) as Seen,
    calls: service.chatCalls().filter((call) => call.keyFingerprint === keyFingerprint(secret)),
  });
}

describe.each(NAMES)('%s, as it is', (name) => {
  const [program] = PROGRAMS[name];

  it('backs off from the caps, comes back when it was told to, and succeeds', () => {
    const { result, calls } = seen.get(`capped-${program}`)!;
    expect([...result.texts].sort()).toEqual(['answer 0', 'answer 1', 'answer 2']);
    const refused = result.answers.filter(({ status }) => status === 429);
    expect(refused.length).toBeGreaterThan(0);
    // The first wait is beyond the minute up to which the packages believe what they are told: they ask again soon, and then wait as told.
    expect(refused.length).toBeLessThanOrEqual(4);
    for (const { headers } of refused) {
      expect(Number(headers['retry-after-ms'])).toBeGreaterThan(1000);
      expect(headers).toMatchObject({ 'x-should-retry': 'true', 'x-ratelimit-remaining-requests': '0' });
    }
    // No permit was wasted: the provider saw each call once, and never more of them in a minute than the cap.
    expect(calls.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(worstWindow(calls, 60_000, () => 1).sum).toBe(REQUESTS);
  });

  it('is told of the caps with every answer, and apart from them what the provider says', () => {
    for (const { status, headers } of seen.get(`capped-${program}`)!.result.answers) {
      expect(headers['x-ratelimit-limit-requests']).toBe(String(REQUESTS));
      expect(Number(headers['x-ratelimit-remaining-requests'])).toBeLessThan(REQUESTS);
      expect(headers['x-ratelimit-reset-requests']).toMatch(/^(1m)?[\d.]+m?s$/);
      if (status === 200) expect(headers['x-provider-ratelimit-limit-requests']).toBe('30000');
    }
  });

  it('waits for the provider’s own reset, without a call that could only be refused', () => {
    const { result, calls } = seen.get(`sent-away-${program}`)!;
    expect(result.texts).toEqual(['answer 0', 'answer 1']);
    expect(calls.map(({ status }) => status)).toEqual([429, 200, 200]);
    const [first, second] = calls;
    expect(second!.arrivedMs - first!.arrivedMs).toBeGreaterThanOrEqual(1900);
  });
});
