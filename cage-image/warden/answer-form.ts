import { spawn } from 'node:child_process';
import * as z from 'zod/mini';
import { CodedError } from '#errors/coded-error.ts';
import type { TaskInputMessage } from '#protocol/link-messages.ts';
import type { CagePaths } from '../paths.ts';

const verdict = z.union([
  z.object({ valid: z.literal(true) }),
  z.object({ valid: z.literal(false), errors: z.array(z.string()) }),
]);

export const CHECK_WITHIN_MS = 5_000;
const MAX_VERDICT_BYTES = 64 * 1024;
const MAX_ERRORS = 10;

/**
 * Checks that an answer of a Claw's own command has the form that the task asks for, in a child of the agent's kind: a schema or an answer made to hang or to burst whoever
 * reads it does so there. Errors: `agent_answer_invalid` with what does not fit.
 */
export async function checkAnswer(
  paths: CagePaths,
  form: TaskInputMessage['answer'],
  answer: string,
  signal: AbortSignal,
): Promise<void> {
  if (form.type === 'text') return;
  const schema = form.type === 'json' ? { type: 'object' } : form.schema;
  const said = await validate(paths, JSON.stringify({ schema, answer }), signal);
  if (said.valid) return;
  throw new CodedError('agent_answer_invalid', {
    reason: 'The answer of the command does not fit.',
    errors: said.errors.slice(0, MAX_ERRORS).map((error) => error.slice(0, 500)),
  });
}

function validate(paths: CagePaths, question: string, signal: AbortSignal): Promise<z.infer<typeof verdict>> {
  return new Promise((resolve) => {
    const cache = paths.compileCache;
    const child = spawn(paths.agentNode, [paths.agentEntry, '--validate'], {
      cwd: '/',
      env: { PATH: paths.searchPath, ...(cache !== undefined && { NODE_COMPILE_CACHE: cache }) },
      stdio: ['pipe', 'pipe', 'ignore'],
      detached: true,
    });
    const kill = (): void => void child.kill('SIGKILL');
    const late = setTimeout(kill, CHECK_WITHIN_MS);
    signal.addEventListener('abort', kill, { once: true });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString('utf8');
      if (output.length > MAX_VERDICT_BYTES) kill();
    });
    child.stdin.on('error', () => undefined).end(question);
    const end = (): void => {
      clearTimeout(late);
      signal.removeEventListener('abort', kill);
      resolve(parse(output));
    };
    child.once('error', end);
    child.once('close', end);
  });
}

function parse(output: string): z.infer<typeof verdict> {
  try {
    return verdict.parse(JSON.parse(output));
  } catch {
    return { valid: false, errors: [`It could not be checked within ${CHECK_WITHIN_MS / 1000} s.`] };
  }
}
