import { readFileSync } from 'node:fs';
import { ask, type Demand, type Wish } from './demand.ts';

// The agent of the run, in a cage: makes the calls of its demand, and tells at its end how many were answered how.

/** The demand, and the name that its calls carry. */
export interface ClientSettings extends Demand {
  readonly name: string;
}

const settings = JSON.parse(readFileSync(process.argv[2]!, 'utf8')) as ClientSettings;
const { OPENAI_BASE_URL, OPENAI_API_KEY } = process.env;
const AFTER_REFUSAL_MS = 250;
const statuses: Record<string, number> = {};

const STEPS: Record<Wish['fate'], (tokens: number) => string> = {
  whole: (tokens) => `@stream ${tokens} tokens`,
  stream: (tokens) => `@stream ${tokens} tokens at ${Math.max(50, tokens)}/s`,
  left: (tokens) => `@stream ${tokens} tokens at ${Math.max(50, tokens)}/s`,
  cut: (tokens) => `@cut after ${Math.ceil(tokens / 2)} tokens\n@stream ${tokens} tokens at 1000/s`,
};

async function call(wish: Wish): Promise<void> {
  const status = await made(wish).catch(() => 'broken');
  statuses[status] = (statuses[status] ?? 0) + 1;
  if (status !== '200') await new Promise((resolve) => setTimeout(resolve, AFTER_REFUSAL_MS));
}

async function made({ tokens, fate }: Wish): Promise<string> {
  const leaving = new AbortController();
  const answer = await fetch(`${OPENAI_BASE_URL}/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${OPENAI_API_KEY}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      model: 'gpt-4o',
      max_tokens: tokens,
      stream: fate !== 'whole',
      messages: [{ role: 'user', content: `@note ${settings.name}\n${STEPS[fate](tokens)}` }],
    }),
    signal: leaving.signal,
  });
  for await (const _ of answer.body!) if (fate === 'left') leaving.abort();
  return String(answer.status);
}

// What still waits when its time is over is left.
await Promise.race([
  ask(settings, call),
  new Promise((resolve) => setTimeout(resolve, settings.untilMs - Date.now())),
]);
console.log(JSON.stringify(statuses));
process.exit();
