import { text } from 'node:stream/consumers';
import OpenAI from 'openai';
import { failureOf } from './failure.ts';
import { runLoop } from './loop.ts';
import { reportToWarden, type Report } from './report.ts';
import { agentTask } from './task.ts';

/** Tries of one call by the client, which waits as long as the answer says; the task's deadline is the warden's to keep. */
const MAX_RETRIES = 4;
/** Longer than any permit is waited for and any model thinks. */
const CALL_TIMEOUT_MS = 30 * 60_000;
const OUTPUT_LIMIT = 24_000;
const MAX_ANSWER_BYTES = 500_000;

async function main(report: Report): Promise<void> {
  // What the tools start gets the environment that the warden set, without the one variable that is for this process alone.
  const { NODE_COMPILE_CACHE: _, ...environment } = process.env;
  try {
    const task = agentTask.parse(JSON.parse(await text(process.stdin)));
    const client = new OpenAI({ maxRetries: MAX_RETRIES, timeout: CALL_TIMEOUT_MS });
    const context = { work: process.cwd(), environment, outputLimit: OUTPUT_LIMIT };
    const answer = await runLoop(client, task, context, report);
    if (Buffer.byteLength(JSON.stringify(answer)) > MAX_ANSWER_BYTES) {
      report({
        kind: 'error',
        error: {
          code: 'agent_failed',
          details: { reason: `The answer is longer than ${MAX_ANSWER_BYTES} bytes.` },
        },
      });
    } else {
      report({ kind: 'answer', text: answer });
    }
  } catch (error) {
    const { code, details } = failureOf(error);
    report({
      kind: 'error',
      error: { code, ...(details !== undefined && { details: details as Record<string, string> }) },
    });
  }
}

// The image is built by running each entry once up to here, which fills the compile cache.
if (process.env['CLAWCAGE_BAKE'] !== '1') {
  await main(reportToWarden());
  process.exit(0);
}
