import * as z from 'zod/mini';
import { agentEvent } from '#protocol/link-messages.ts';

const functionCall = z.strictObject({
  kind: z.literal('function_call'),
  /** The agent's own; the result on descriptor 4 bears it. */
  id: z.string().check(z.maxLength(256)),
  name: z.string(),
  arguments: z.string(),
});

/** What the built-in agent is at, and for how long that may say nothing. */
const busyWith = z.strictObject({
  what: z.string().check(z.maxLength(128)),
  sinceMs: z.number(),
  limitMs: z.number(),
});
export type BusyWith = z.infer<typeof busyWith>;

/** The built-in agent's answer to a ping. */
const pong = z.strictObject({
  kind: z.literal('pong'),
  busy: z.array(busyWith).check(z.maxLength(64)),
});

/**
 * What an agent says on its descriptor 3: one JSON object a line. The events of the task's watchers (`text`, `tool_call`, `tool_result`, `status`, `log`) and calls
 * of the caller's functions, then one of `answer` and `error`, after which nothing counts. The built-in agent also answers pings.
 */
export const agentLine = z.union([
  agentEvent,
  functionCall,
  pong,
  z.strictObject({ kind: z.literal('answer'), text: z.string() }),
  z.strictObject({
    kind: z.literal('error'),
    error: z.strictObject({
      code: z.string().check(z.maxLength(64)),
      details: z.optional(
        z.record(
          z.string().check(z.maxLength(64)),
          z.union([z.string().check(z.maxLength(500)), z.number(), z.boolean()]),
        ),
      ),
    }),
  }),
]);
export type AgentLine = z.infer<typeof agentLine>;
export type AgentOutcome = Extract<AgentLine, { kind: 'answer' | 'error' }>;

/** Half of the greatest frame of the link, so that every line that passes fits into one. */
export const MAX_LINE_BYTES = 512 * 1024;
/** A call of a function may be longer, to be refused: whoever waits for a result shall get one. */
const MAX_CALL_BYTES = 2 * MAX_LINE_BYTES;

/**
 * Reads an agent's lines out of its bytes. Nothing that an agent writes is trusted: a line that is too long or not of the form is dropped and counted,
 * and no more than one line is ever held.
 */
export class AgentLines {
  readonly #onLine: (line: AgentLine) => void;
  #held: Buffer[] = [];
  #heldBytes = 0;
  #skipping = false;
  dropped = 0;

  constructor(onLine: (line: AgentLine) => void) {
    this.#onLine = onLine;
  }

  push(chunk: Buffer): void {
    let from = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, from)) {
      this.#hold(chunk.subarray(from, end));
      this.#take();
      from = end + 1;
    }
    this.#hold(chunk.subarray(from));
  }

  #hold(piece: Buffer): void {
    if (this.#skipping || piece.length === 0) return;
    this.#heldBytes += piece.length;
    if (this.#heldBytes <= MAX_CALL_BYTES) {
      this.#held.push(Buffer.from(piece));
      return;
    }
    this.#skipping = true;
    this.#held = [];
  }

  #take(): void {
    const line = this.#skipping ? undefined : parse(Buffer.concat(this.#held));
    this.#skipping = false;
    this.#held = [];
    this.#heldBytes = 0;
    if (line === undefined) this.dropped += 1;
    else this.#onLine(line);
  }
}

function parse(bytes: Buffer): AgentLine | undefined {
  try {
    const line = agentLine.safeParse(JSON.parse(bytes.toString('utf8'))).data;
    return bytes.length > MAX_LINE_BYTES && line?.kind !== 'function_call' ? undefined : line;
  } catch {
    return undefined;
  }
}
