import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { clawView, keyView, page, resultReply, taskReply, usageReply, type ClawView } from '#protocol/api.ts';
import type { Client } from '../client.ts';
import { clientOf, type Cli } from '../cli.ts';
import { Failure, failure } from '../failure.ts';
import { withSecret } from '../secret-body.ts';
import { readTaskFiles } from '../tasks/files.ts';
import { followTask } from '../tasks/follow.ts';
import type { Steps } from '../terminal/steps.ts';
import { coloursFor } from '../terminal/terminal.ts';
import { capUse, count } from '../terminal/words.ts';
import { readExample, type Example } from './example.ts';
import { nextSteps } from './next-steps.ts';
import { DEMO_HOST, recordDeclined, recordPort } from './plan.ts';
import { startSimulator, type DemoPlan, type Simulator } from './simulator.ts';

const KEY = 'demo';
const TASK = 'Count the words and lines of the attached file.';

interface How {
  readonly steps: Steps;
  readonly signal: AbortSignal;
}

/**
 * On an empty store: the simulator, a key for it through the vault, the example's Claw, its first task, its answer. Where the demo's key
 * exists already only the simulator is started again. Anywhere else nothing.
 */
export async function showDemo(cli: Cli, plan: DemoPlan, how: How): Promise<void> {
  const client = clientOf(cli);
  const claws = await client.get('/api/v1/claws', page(clawView));
  if (await demoKeyIsThere(client)) {
    await how.steps.timed('simulator of the demo', () => startSimulator(cli, plan, how.signal));
    if (claws.items.length > 0) return;
  } else if (claws.items.length > 0) {
    return recordDeclined(cli);
  }
  await firstTask(cli, plan, how);
}

async function demoKeyIsThere(client: Client): Promise<boolean> {
  try {
    return (await client.get(`/api/v1/keys/${KEY}`, keyView)).state === 'active';
  } catch (error) {
    if (error instanceof Failure && error.code === 'not_found') return false;
    throw error;
  }
}

async function firstTask(cli: Cli, plan: DemoPlan, { steps, signal }: How): Promise<void> {
  const client = clientOf(cli);
  const example = readExample(cli.programs.example);
  steps.line('');
  steps.title(`Demo: the Claw ${example.claw.name}, on a simulated model provider`);
  const simulator = await steps.timed(
    'starting the simulator',
    () => startSimulator(cli, plan, signal),
    'simulator started',
  );
  recordPort(cli, plan);
  if (!(await demoKeyIsThere(client))) {
    await steps.timed(
      'adding the key, tried from inside a cage',
      () => addKey(client, simulator),
      'key added, tried from inside a cage',
    );
  }
  const claw = await steps.timed(
    'making and deploying the Claw',
    () => makeClaw(client, example),
    'Claw made and deployed',
  );
  const id = await steps.timed(
    'running the task in its cage',
    () => runTask(client, example, signal),
    'task done in its cage',
  );
  await showAnswer(cli, client, { claw, example, id, steps });
}

/** The simulator takes the keys of its own file; the secret goes from there to the vault as a buffer and is overwritten. */
async function addKey(client: Client, { port, ca, keyFile }: Simulator): Promise<void> {
  const file = readFileSync(keyFile);
  const pem = readFileSync(ca, 'utf8');
  const body = withSecret(
    { name: KEY, provider: 'openai', baseUrl: `https://${DEMO_HOST}:${port}/v1`, ca: pem },
    firstLine(file),
  );
  try {
    await client.post('/api/v1/keys', keyView, { bytes: body });
  } finally {
    file.fill(0);
    body.fill(0);
  }
}

function firstLine(bytes: Buffer): Buffer {
  const end = bytes.indexOf(0x0a);
  return end < 0 ? bytes : bytes.subarray(0, end);
}

async function makeClaw(client: Client, { claw }: Example): Promise<ClawView> {
  return client.post('/api/v1/claws', clawView, { body: { ...claw, key: KEY, deploy: true } });
}

const QUIET = { onEvent: () => {}, onGap: () => {}, onConnection: () => {} };

async function runTask(client: Client, { claw, files }: Example, signal: AbortSignal): Promise<string> {
  const body = { text: TASK, files: await readTaskFiles(files) };
  const { task } = await client.post(`/api/v1/claws/${claw.name}/tasks`, taskReply, { body });
  const { task: ended } = await followTask(client, task.id, QUIET, { signal });
  if (ended.state === 'succeeded') return ended.id;
  throw new Failure({ ...(ended.error ?? failure('agent_failed', { state: ended.state })), status: 500 });
}

async function showAnswer(
  cli: Cli,
  client: Client,
  { claw, example, id, steps }: { claw: ClawView; example: Example; id: string; steps: Steps },
): Promise<void> {
  const { answer, usage } = await client.get(`/api/v1/tasks/${id}/result`, resultReply);
  const { caps } = await client.get(`/api/v1/claws/${claw.name}/usage?since=1h`, usageReply);
  const colours = coloursFor(cli.terminal.stdout, cli.terminal.env);
  const label = (text: string): string => colours.dim(text.padEnd(8));
  steps.line('');
  steps.line(`  ${label('asked')} ${TASK} [${example.files.map((file) => basename(file)).join(', ')}]`);
  steps.line(
    `  ${label('answer')} ${colours.bold((answer ?? '').trim().replaceAll('\n', `\n  ${label('')} `))}`,
  );
  steps.line(
    `  ${label('used')} ${count(usage.totalTokens)} tokens (${count(usage.inputTokens)} in, ${count(usage.outputTokens)} out), ${count(usage.requests)} requests`,
  );
  steps.line(
    `  ${label('caps')} this minute: tokens ${capUse(caps.tokens)} · requests ${capUse(caps.requests)}`,
  );
  steps.line('');
  for (const line of nextSteps(cli, claw)) steps.line(line);
}
