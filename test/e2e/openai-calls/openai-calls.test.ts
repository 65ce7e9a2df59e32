import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MODELS } from '../../../provider-sim/http/models.ts';
import { makeKey } from '../../../provider-sim/keys.ts';
import { wav } from '../../../provider-sim/media/containers.ts';
import { stripesPng } from '../../../provider-sim/media/png.ts';
import { toolsImage } from '../../support/images.ts';
import { TestService } from '../../support/service.ts';
import { comparable } from './comparable.ts';
import { TABLE, tableFor } from './table.ts';

type Results = Record<string, unknown>;

const run = promisify(execFile);
const MOST_BYTES = 64 * 1024 * 1024;
const PROGRAMS = {
  'Node’s package': ['node', 'run-calls.mjs'],
  'Python’s package': ['python3', 'run_calls.py'],
} as const;
const NAMES = Object.keys(PROGRAMS) as (keyof typeof PROGRAMS)[];

let folder: string;
let service: TestService;
let image: string;
const direct = new Map<string, Results>();
const caged = new Map<string, Results>();
/** What the service says that the cages used, and where the books stood before them. */
const counted = { inputTokens: 0, outputTokens: 0, reasoningTokens: 0 };
let booksBefore = 0;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'clawcage-calls-'));
  await writeFiles();
  image = await toolsImage();
  service = await TestService.start();
  await service.addKey('main');
  await Promise.all(NAMES.map(async (name) => direct.set(name, await directly(name))));
  booksBefore = service.provider.books().length;
  await Promise.all(NAMES.map(async (name) => caged.set(name, await inACage(name))));
}, 240_000);
afterAll(async () => {
  await service?.[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

/** The table, what it names, and both programs. */
async function writeFiles(): Promise<void> {
  for (const name of NAMES) {
    const [program] = PROGRAMS[name];
    mkdirSync(join(folder, program));
    writeFileSync(join(folder, program, 'calls.json'), tableFor(program));
  }
  for (const [file, content] of Object.entries({
    'sound.wav': wav(1.5),
    'picture.png': stripesPng(64, 48, 'a picture'),
    'run_calls.py': readFileSync(join(import.meta.dirname, 'run_calls.py')),
  }))
    for (const name of NAMES) writeFileSync(join(folder, PROGRAMS[name][0], file), content);
  await build({
    entryPoints: [fileURLToPath(import.meta.resolve('./run-calls.ts'))],
    outfile: join(folder, 'node', 'run-calls.mjs'),
    bundle: true,
    format: 'esm',
    platform: 'node',
    logLevel: 'warning',
  });
}

/** In the same image, without a cage, with a key of the program's own: what lies at the provider is its own too, as a cage has it. */
async function directly(name: keyof typeof PROGRAMS): Promise<Results> {
  const { provider } = service;
  const [program, script] = PROGRAMS[name];
  const key = makeKey();
  provider.keys.add(key);
  writeFileSync(join(folder, program, 'provider-ca.pem'), provider.caPem);
  const env = {
    OPENAI_BASE_URL: provider.url,
    OPENAI_API_KEY: key,
    SSL_CERT_FILE: '/calls/provider-ca.pem',
    NODE_EXTRA_CA_CERTS: '/calls/provider-ca.pem',
  };
  const variables = Object.keys(env).flatMap((variable) => ['--env', variable]);
  const volume = `${join(folder, program)}:/calls:ro`;
  const container = ['run', '--rm', '--network', 'host', '--volume', volume, ...variables, image];
  const command = [...container, program, `/calls/${script}`];
  const { stdout } = await run('docker', command, {
    env: { ...process.env, ...env },
    maxBuffer: MOST_BYTES,
  });
  return JSON.parse(stdout) as Results;
}

async function inACage(name: keyof typeof PROGRAMS): Promise<Results> {
  const [program, script] = PROGRAMS[name];
  const claw = program;
  await service.claw(claw, {
    agent: { command: [program, `/work/in/${script}`], image },
    models: byOperation(),
  });
  const files = ['calls.json', 'sound.wav', 'picture.png', script].map((file) => ({
    name: file,
    data: readFileSync(join(folder, program, file)).toString('base64'),
  }));
  const result = await service.run(claw, { text: 'Make the calls.', files });
  const { task, usage } = result;
  if (task.state !== 'succeeded') throw new Error(`${name} in a cage: ${JSON.stringify(task.error)}`);
  counted.inputTokens += usage.inputTokens;
  counted.outputTokens += usage.outputTokens;
  counted.reasoningTokens += usage.reasoningTokens;
  return JSON.parse(result.answer!) as Results;
}

/** All that the simulator has, so that the list of models is the same. */
function byOperation() {
  const named = (form: RegExp) => MODELS.filter((model) => form.test(model));
  const others = /embedding|image|tts|whisper|transcribe|moderation/;
  return {
    chat: MODELS.filter((model) => !others.test(model)),
    embeddings: named(/embedding/),
    images: named(/image/),
    speech: named(/tts/),
    transcriptions: named(/whisper|transcribe/),
    translations: named(/whisper/),
    moderations: named(/moderation/),
  };
}

describe.each(NAMES)('%s', (name) => {
  it.each(TABLE.map((call) => call.name))('gets the same in a cage as without one: %s', (call) => {
    const expected = comparable(direct.get(name)![call]);
    expect(comparable(caged.get(name)![call])).toEqual(expected);
  });

  it('gets an answer to all but what is to be refused', () => {
    const refused = Object.entries(direct.get(name)!).filter(([, result]) => isError(result));
    expect(refused.map(([call]) => call)).toEqual(
      TABLE.filter((call) => call.refused).map((call) => call.name),
    );
  });
});

it('the service counted what the provider told, as its books have it, to the token', () => {
  const booked = service.provider
    .books()
    .slice(booksBefore)
    .filter(({ told }) => told);
  const sum = (field: 'inputTokens' | 'outputTokens' | 'reasoningTokens') =>
    booked.reduce((total, call) => total + call[field], 0);
  expect(sum('inputTokens')).toBeGreaterThan(1000);
  expect(counted).toEqual({
    inputTokens: sum('inputTokens'),
    outputTokens: sum('outputTokens'),
    reasoningTokens: sum('reasoningTokens'),
  });
});

function isError(result: unknown): boolean {
  return typeof (result as { error?: unknown } | null)?.error === 'string';
}
