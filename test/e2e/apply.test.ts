import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { ClawView, DoctorReply } from '#protocol/api.ts';
import { cli } from '../support/cli.ts';
import { freePort } from '../support/free-port.ts';
import { TestService } from '../support/service.ts';

let service: TestService;
let port: number;
beforeAll(async () => {
  port = await freePort();
  service = await TestService.start({ CLAWCAGE_PORT: String(port), CLAWCAGE_WARM_SPARES: '0' });
  await service.addKey('main');
});
afterAll(() => service[Symbol.asyncDispose]());

const run = (argv: string[], stdin?: string) =>
  cli(argv, {
    env: { CLAWCAGE_HOME: service.home, CLAWCAGE_PORT: String(port), PATH: process.env.PATH },
    ...(stdin !== undefined && { stdin }),
  });

const CLAWS = `
name: worker
model: gpt-4o
key: main
tokensPerMinute: 60000
timeout: 2m
resources: { memory: 640MiB }
deploy: true
---
name: helper
model: gpt-4o-mini
key: main
retry: { attempts: 1 }
`;

it('a file of Claws makes them, a second time changes nothing, and what is exported applies back to no change', async () => {
  expect((await run(['claws', 'apply', '-f', '-'], CLAWS)).stdout).toBe('worker created\nhelper created\n');
  expect(await service.ask<ClawView>('GET', '/api/v1/claws/worker')).toMatchObject({
    state: 'deployed',
    timeoutMs: 120_000,
    resources: { memoryMiB: 640, cpus: 1 },
  });
  const before = await service.ask<ClawView>('GET', '/api/v1/claws/helper');
  expect((await run(['claws', 'apply', '-f', '-'], CLAWS)).stdout).toBe(
    'worker unchanged\nhelper unchanged\n',
  );
  expect((await service.ask<ClawView>('GET', '/api/v1/claws/helper')).updatedAt).toBe(before.updatedAt);
  expect((await run(['claws', 'diff', '-f', '-'], CLAWS)).code).toBe(0);
  for (const full of [[], ['--full']]) {
    const { stdout } = await run(['claws', 'export', ...full]);
    expect((await run(['claws', 'apply', '-f', '-'], stdout)).stdout).toBe(
      'helper unchanged\nworker unchanged\n',
    );
  }
});

it('a change of one field changes that field', async () => {
  const changed = CLAWS.replace('gpt-4o-mini', 'gpt-4.1-mini');
  expect((await run(['claws', 'diff', '-f', '-'], changed)).stdout).toBe(
    'helper\n  - model: gpt-4o-mini\n  + model: gpt-4.1-mini\n',
  );
  expect((await run(['claws', 'apply', '-f', '-'], changed)).stdout).toBe(
    'worker unchanged\nhelper changed (model)\n',
  );
  expect((await service.ask<ClawView>('GET', '/api/v1/claws/helper')).model).toBe('gpt-4.1-mini');
});

it('the doctor has a cage prove itself, finds all well, and leaves no cage behind', async () => {
  const { code, stdout } = await run(['doctor', '--json']);
  const { ok, checks } = JSON.parse(stdout) as DoctorReply;
  expect(checks.filter((check) => !check.ok)).toEqual([]);
  expect({ ok, code }).toEqual({ ok: true, code: 0 });
  expect(checks.map(({ name }) => name)).toEqual(
    expect.arrayContaining([
      'service',
      'engine',
      'images',
      'gate',
      'cage',
      'redis',
      'store',
      'clock',
      'disk',
      'home',
    ]),
  );
  expect(checks.find(({ name }) => name === 'cage')?.found).toMatch(/cannot read the key: \d+ checks/);
  const { cages } = await service.ask<{ cages: unknown[] }>('GET', '/api/v1/status');
  expect(cages).toEqual([]);
});

it('what a task leaves comes to the folder that was named', async () => {
  const out = join(service.home, 'results');
  const task =
    '@tool shell {"command":"mkdir -p /work/out/a && echo report > /work/out/a/report.txt"}\n@say done';
  const { code, stdout } = await run(['run', 'worker', task, '--json', '--out', out]);
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ answer: 'done', files: [{ path: 'a/report.txt', bytes: 7 }] });
  expect(readFileSync(join(out, 'a/report.txt'), 'utf8')).toBe('report\n');
});

it('a function is answered by a command on this side', async () => {
  const functions = join(service.home, 'functions.json');
  writeFileSync(
    functions,
    '[{"name":"weather","parameters":{"type":"object","properties":{"town":{"type":"string"}}}}]',
  );
  const task = '@tool weather {"town":"Ulm"}\n@say {{last_tool_result}}';
  const argv = [
    'run',
    'worker',
    task,
    '--functions',
    functions,
    '--on-function',
    'weather=cat; echo " is dry"',
    '--json',
  ];
  const { code, stdout } = await run(argv);
  expect(JSON.parse(stdout)).toMatchObject({ answer: expect.stringContaining('{"town":"Ulm"} is dry') });
  expect(code).toBe(0);
});

it('a batch is run and its results come in order, and the report of usage has its calls', async () => {
  const lines = ['one', 'two', 'three']
    .map((word) => JSON.stringify({ ref: word, text: `@say ${word}` }))
    .join('\n');
  const { code, stdout } = await run(['batch', 'run', 'worker', '-'], lines);
  expect(code).toBe(0);
  expect(
    stdout
      .trimEnd()
      .split('\n')
      .map((line) => (JSON.parse(line) as { answer: string }).answer),
  ).toEqual(['one', 'two', 'three']);
  const report = JSON.parse((await run(['usage', '--by', 'hour', '--group', 'claw', '--json'])).stdout);
  expect(report.total.requests).toBe(service.chatCalls().length);
});
