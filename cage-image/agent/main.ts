import { text } from 'node:stream/consumers';
import OpenAI from 'openai';
import { CodedError } from '#errors/coded-error.ts';
import { Busy } from './busy.ts';
import { failureOf } from './failure.ts';
import { FunctionDesk } from './functions/function-desk.ts';
import { functionTools } from './functions/function-tools.ts';
import { runLoop } from './loop.ts';
import { MCP_START_MS } from './mcp/limits.ts';
import { mcpTools } from './mcp/mcp-servers.ts';
import { reportToWarden, type Report } from './report.ts';
import { agentTask, type AgentTask } from './task.ts';
import { builtInTools } from './tools/built-in.ts';
import type { OfferedTool, ToolContext } from './tools/tool.ts';
import { Toolbox } from './tools/toolbox.ts';
import { ChatTurns } from './turns/chat-turns.ts';
import { LimitedTurns } from './turns/limited-turns.ts';
import { ResponsesTurns } from './turns/responses-turns.ts';
import { WardenLines } from './warden-lines.ts';

/** Tries of one call by the client, which waits as long as the answer says; the task's deadline is the warden's to keep. */
const MAX_RETRIES = 4;
/** Longer than any permit is waited for and any model thinks. */
const CALL_TIMEOUT_MS = 30 * 60_000;
/** What has a limit of its own gets so much more to keep it. */
const SLACK_MS = 5_000;
const OUTPUT_LIMIT = 24_000;
const MAX_ANSWER_BYTES = 500_000;

async function main(report: Report): Promise<void> {
  const busy = new Busy();
  const lines = WardenLines.open();
  lines.on('ping', () => report({ kind: 'pong', busy: busy.list() }));
  try {
    const task = agentTask.parse(JSON.parse(await text(process.stdin)));
    const answer = await work(task, { report, busy, lines });
    if (Buffer.byteLength(JSON.stringify(answer)) > MAX_ANSWER_BYTES)
      throw new CodedError('agent_failed', {
        reason: `The answer is longer than ${MAX_ANSWER_BYTES} bytes.`,
      });
    report({ kind: 'answer', text: answer });
  } catch (error) {
    const { code, details } = failureOf(error);
    report({
      kind: 'error',
      error: { code, ...(details !== undefined && { details: details as Record<string, string> }) },
    });
  }
}

interface Surroundings {
  readonly report: Report;
  readonly busy: Busy;
  readonly lines: WardenLines;
}

async function work(task: AgentTask, around: Surroundings): Promise<string> {
  const { claw } = task;
  const { report, busy } = around;
  // What the tools start gets the environment that the warden set, without the one variable that is for this process alone.
  const { NODE_COMPILE_CACHE: _, ...environment } = process.env;
  const context: ToolContext = {
    work: process.cwd(),
    environment,
    outputLimit: OUTPUT_LIMIT,
    remainingMs: clock(task.deadlineMs),
    egress: claw.egress,
  };
  const client = new OpenAI({ maxRetries: MAX_RETRIES, timeout: CALL_TIMEOUT_MS });
  const turns =
    claw.api === 'responses' ? new ResponsesTurns(client, claw.model) : new ChatTurns(client, claw.model);
  return runLoop({
    task,
    turns: new LimitedTurns(turns, busy, CALL_TIMEOUT_MS),
    toolbox: new Toolbox(await allTools(task, context, around), busy),
    context,
    report,
  });
}

async function allTools(
  task: AgentTask,
  context: ToolContext,
  { report, busy, lines }: Surroundings,
): Promise<OfferedTool[]> {
  const own = [
    ...builtInTools(task.claw.tools, context),
    ...functionTools(task.task, new FunctionDesk(report, lines), OUTPUT_LIMIT),
  ];
  const taken = new Set(own.map(({ name }) => name));
  const ofServers = await busy.during('MCP servers', MCP_START_MS + SLACK_MS, () =>
    mcpTools(task.claw.mcp, context, taken),
  );
  return [...own, ...ofServers];
}

function clock(deadlineMs = Infinity): () => number {
  const end = performance.now() + deadlineMs;
  return () => end - performance.now();
}

/** Loads what is otherwise loaded when it is needed, so that the compile cache holds it. */
async function bake(): Promise<void> {
  await Promise.all([
    import('./answer/validate-mode.ts'),
    import('./mcp/mcp-server.ts'),
    import('./mcp/tool-names.ts'),
    import('./web/fetch-text.ts'),
    import('./web/readable-text.ts'),
  ]);
}

// The image is built by running each entry once in this way, which fills the compile cache.
if (process.env['CLAWCAGE_BAKE'] === '1') {
  await bake();
} else if (process.argv[2] === '--validate') {
  const { validateMode } = await import('./answer/validate-mode.ts');
  process.stdout.write(`${validateMode(await text(process.stdin))}\n`);
} else {
  await main(reportToWarden());
  process.exit(0);
}
