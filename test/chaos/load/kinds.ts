import type { TaskCreate } from '#protocol/api.ts';
import { filler } from '../../../provider-sim/model/filler.ts';
import type { Chance } from '../chance.ts';
import type { TaskKind } from '../books/facts.ts';

/** A task whose right answer is known before it is asked. */
export interface KnownTask {
  readonly name: string;
  readonly kind: TaskKind;
  readonly claw: 'steady' | 'careful' | 'capped';
  readonly body: TaskCreate;
  readonly answer: (answer: string) => boolean;
  /** What all its text events say together. */
  readonly said?: string;
  readonly file?: { readonly path: string; readonly content: string };
  /** The client cancels it so long after it was accepted. */
  readonly cancelAfterMs?: number;
}

/** How often each is asked for; the capped ones are counted apart, since each takes its share of a minute. */
const WEIGHTS = { quick: 3, shell: 4, stream: 2, calls: 2, files: 1, function: 2, cancelled: 1 } as const;
const CAREFUL_SHARE = 0.3;

/** Names the container to the agent's shell: its own mounts tell the id. Nothing of the product does. */
const WHERE = `grep -om1 'containers/[0-9a-f]*' /proc/self/mountinfo`;
const shell = (command: string) => `@tool shell ${JSON.stringify({ command })}`;
/** The first call cannot know where it comes from, each later one tells it. */
const first = (name: string) => `@note ${name}`;
const later = (name: string) => `@note ${name} {{tool_results}}`;

/** A task of a kind that chance draws, or of the one that is named. */
export function knownTask(name: string, chance: Chance, only?: TaskKind): KnownTask {
  const kind = only ?? chance.weighted<keyof typeof WEIGHTS>(WEIGHTS);
  const word = `w${chance.whole(100_000, 999_999)}`;
  const claw = kind === 'capped' ? 'capped' : chance.next() < CAREFUL_SHARE ? 'careful' : 'steady';
  const is = (right: string) => (answer: string) => answer === right;
  const has = (right: string) => (answer: string) => answer.includes(right);
  const common = { name, kind, claw } as const;
  if (kind === 'quick')
    return { ...common, body: { text: lines(first(name), `@say ${word}`) }, answer: is(word), said: word };
  if (kind === 'stream') {
    const tokens = chance.whole(40, 120);
    const text = lines(first(name), `@stream ${tokens} tokens at 20/s`);
    return { ...common, body: { text }, answer: is(filler(tokens)), said: filler(tokens) };
  }
  if (kind === 'function') {
    const [a, b] = [chance.whole(1, 999), chance.whole(1, 999)];
    const ask = `@tool add ${JSON.stringify({ a, b })}`;
    const text = lines(first(name), shell(WHERE), later(name), ask, later(name), '@say {{last_tool_result}}');
    return {
      ...common,
      body: { text, functions: [ADD], functionWaitMs: 120_000 },
      answer: has(String(a + b)),
    };
  }
  if (kind === 'cancelled') {
    const text = lines(
      first(name),
      shell(`${WHERE}; sleep 90; echo ${word}`),
      later(name),
      '@say {{last_tool_result}}',
    );
    return { ...common, body: { text }, answer: has(word), cancelAfterMs: chance.whole(0, 4_000) };
  }
  if (kind === 'files') {
    const write = `${WHERE}; mkdir -p out; echo ${word} > out/word.txt; sleep ${chance.whole(0, 3)}`;
    const text = lines(first(name), shell(write), later(name), `@say ${word}`);
    return { ...common, body: { text }, answer: is(word), file: { path: 'word.txt', content: `${word}\n` } };
  }
  const steps = kind === 'calls' ? chance.whole(3, 8) : 1;
  const seconds = kind === 'shell' ? chance.whole(1, 8) : 0.2;
  const script = Array.from({ length: steps }, (_, at) => [
    at === 0 ? first(name) : later(name),
    shell(`${at === 0 ? WHERE : 'true'}; sleep ${seconds}; echo ${word}`),
  ]).flat();
  return {
    ...common,
    body: { text: lines(...script, later(name), '@say {{last_tool_result}}') },
    answer: has(word),
  };
}

const ADD = {
  name: 'add',
  description: 'The sum of a and b.',
  parameters: { type: 'object', properties: { a: { type: 'number' }, b: { type: 'number' } } },
};

/** What the caller answers to `add`. */
export function sumOf(args: string): string {
  const { a, b } = JSON.parse(args) as { a: number; b: number };
  return String(a + b);
}

const lines = (...all: string[]) => all.join('\n');
