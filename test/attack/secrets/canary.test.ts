import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Docker from 'dockerode';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { FunctionCall, StatusReply } from '#protocol/api.ts';
import { Canary } from '../../support/canary.ts';
import { TestService } from '../../support/service.ts';

const docker = new Docker();
const promptText = `canary-prompt-${randomBytes(24).toString('hex')}`;
const prompt = new Canary(promptText);
const QUOTES_ITS_TASK = `
  const { task } = JSON.parse(fs.readFileSync(0, 'utf8'));
  const error = { code: 'agent_failed', details: { reason: task.text } };
  fs.writeSync(3, JSON.stringify({ kind: 'error', error }) + '\\n');
`;
const BUSY_MS = 90_000;
vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 });
let key: Canary;
let service: TestService;
let task: string;
let engineRoot: string;

beforeAll(async () => {
  service = await TestService.start();
  key = new Canary(service.provider.key);
  engineRoot = ((await docker.info()) as { DockerRootDir: string }).DockerRootDir;
  await service.claw('worker');
  task = await service.submit('worker', {
    text: `@tool go_on {}\n@tool shell {"command":"cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline 2>/dev/null | base64 -w0"}\n@say {{last_tool_result}} ${promptText}`,
    functions: [{ name: 'go_on', description: 'Waits.', parameters: { type: 'object', properties: {} } }],
  });
  await service.until(async () => (await waitingCalls()).length === 1, 'the task to wait', BUSY_MS);
});
afterAll(() => service[Symbol.asyncDispose]());

/** The task runs until its call is answered. */
const waitingCalls = async () =>
  (await service.ask<{ items: FunctionCall[] }>('GET', `/api/v1/tasks/${task}/calls`)).items;
const ended = (id: string) => service.result(id, BUSY_MS);

const ours = async () =>
  docker.listContainers({ all: true, filters: { label: [`clawcage.install=${service.install}`] } });

/** Of the service's own Redis, whose memory is searched beside its files. */
const redisPid = (): number => {
  const command = (pid: string): string => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
    } catch {
      // It has ended meanwhile.
      return '';
    }
  };
  const processes = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return Number(processes.find((pid) => command(pid).includes(`${service.home}/redis/`)));
};

/** The cage of a task that has ended is surely gone: what is looked at next is not taken away meanwhile. */
const rested = () =>
  service.until(
    async () =>
      (await service.ask<StatusReply>('GET', '/api/v1/status')).cages.every(({ state }) => state === 'warm'),
    'the cages of ended tasks to be gone',
    BUSY_MS,
  );

/** All places outside the cage's memory where neither key nor prompt may be. */
async function places(canary: Canary): Promise<string[]> {
  const found: string[] = [];
  for (const { Id } of await ours()) {
    const inspected = (await docker.getContainer(Id).inspect()) as {
      GraphDriver: { Data: { UpperDir?: string } };
    };
    found.push(...canary.in(JSON.stringify(inspected)).map((form) => `inspect ${Id} (${form})`));
    found.push(...canary.inFiles(join(engineRoot, 'containers', Id)));
    const changed = inspected.GraphDriver.Data.UpperDir;
    if (changed) found.push(...canary.inFiles(changed));
  }
  found.push(...canary.inFiles(service.home), ...canary.inMemory(redisPid()));
  return found;
}

async function answers(canary: Canary): Promise<string[]> {
  const paths = [
    '/metrics',
    '/readyz',
    '/api/v1/keys',
    '/api/v1/claws',
    '/api/v1/tasks',
    `/api/v1/tasks/${task}`,
    '/api/v1/status',
    '/api/v1/claws/worker/usage',
    '/api/v1/nothing',
  ];
  const texts = await Promise.all(
    paths.map(async (path) => {
      const answer = await fetch(`${service.url}${path}`, {
        headers: { authorization: `Bearer ${service.token}` },
      });
      return [path, await answer.text()] as const;
    }),
  );
  return texts.flatMap(([path, text]) => canary.in(text).map((form) => `${path} (${form})`));
}

describe('neither key nor prompt', () => {
  it('is anywhere on disk, in the engine or in an answer while the task runs', async () => {
    expect((await service.state(task)).state).toBe('running');
    for (const canary of [key, prompt]) {
      expect(await places(canary)).toEqual([]);
      expect(await answers(canary)).toEqual([]);
    }
    expect((await service.state(task)).state).toBe('running');
  });

  it('is to be seen in /proc by the agent, and the key is nowhere after the task, not even in the memory of the service', async () => {
    const [call] = await waitingCalls();
    await service.ask('POST', `/api/v1/tasks/${task}/calls/${call!.id}`, { output: 'on' });
    const { answer } = await ended(task);
    expect(answer).toContain(promptText);
    const seen = Buffer.from(answer!.split(' ')[0]!.replace(/[^A-Za-z0-9+/=]/g, ''), 'base64');
    expect(seen.includes('OPENAI_BASE_URL')).toBe(true);
    expect(key.in(seen)).toEqual([]);
    expect(key.in(answer!)).toEqual([]);
    expect(key.inMemory(service.pid)).toEqual([]);
    await rested();
    for (const canary of [key, prompt]) expect(await places(canary)).toEqual([]);
  });

  it('is kept in the clear where a failure quotes it', async () => {
    await service.claw('quoter', { agent: { command: ['node', '-e', QUOTES_ITS_TASK] } });
    const { task: failed } = await ended(await service.submit('quoter', promptText));
    expect(failed.error).toMatchObject({ code: 'agent_failed', details: { reason: promptText } });
    await rested();
    expect(await places(prompt)).toEqual([]);
    expect(await answers(prompt)).toEqual([]);
  });
});

describe('the search', () => {
  it('finds what is planted: in a file, in each form, and in memory', () => {
    const text = `planted-${randomBytes(20).toString('hex')}`;
    const planted = new Canary(text);
    const file = join(service.home, 'planted');
    for (const form of [
      text,
      Buffer.from(`x${text}`).toString('base64'),
      Buffer.from(text).toString('hex'),
      JSON.stringify({ text }),
    ]) {
      writeFileSync(file, `before ${form} after`);
      expect(planted.inFiles(service.home), form).not.toEqual([]);
    }
    rmSync(file);
    expect(planted.inFiles(service.home)).toEqual([]);
    const held = Buffer.from(text);
    expect(planted.inMemory(process.pid)).not.toEqual([]);
    expect(held.length).toBe(text.length);
  });
});
