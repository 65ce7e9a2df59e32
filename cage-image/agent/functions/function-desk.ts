import { randomUUID } from 'node:crypto';
import * as z from 'zod/mini';
import type { Report } from '../report.ts';
import type { ToolResult } from '../tools/tool.ts';
import type { WardenLines } from '../warden-lines.ts';

const MAX_ARGUMENT_BYTES = 400 * 1024;

const functionResult = z.object({
  kind: z.literal('function_result'),
  id: z.string(),
  ok: z.boolean(),
  output: z.string(),
});

/**
 * Calls of the caller's functions: each goes to the warden as a report and is answered by a line on another descriptor, whenever that may be. The
 * warden keeps the time and answers in the caller's place when it is over.
 */
export class FunctionDesk {
  readonly #report: Report;
  readonly #open = new Map<string, (result: ToolResult) => void>();
  #closed = false;

  constructor(report: Report, lines: WardenLines) {
    this.#report = report;
    lines.on('function_result', (line) => this.#take(line));
    lines.onEnd(() => this.#close());
  }

  /** Never rejects. */
  call(name: string, json: string): Promise<ToolResult> {
    if (Buffer.byteLength(json) > MAX_ARGUMENT_BYTES)
      return failed(`The arguments are longer than ${MAX_ARGUMENT_BYTES} bytes.`);
    if (this.#closed) return failed('Nobody answers calls of functions any more.');
    const id = randomUUID();
    return new Promise((resolve) => {
      this.#open.set(id, resolve);
      this.#report({ kind: 'function_call', id, name, arguments: json || '{}' });
    });
  }

  #take(line: object): void {
    const result = functionResult.safeParse(line).data;
    if (result === undefined) return;
    this.#open.get(result.id)?.({ ok: result.ok, output: result.output });
    this.#open.delete(result.id);
  }

  #close(): void {
    this.#closed = true;
    for (const answer of this.#open.values())
      answer({ ok: false, output: 'Nobody answers calls of functions any more.' });
    this.#open.clear();
  }
}

function failed(output: string): Promise<ToolResult> {
  return Promise.resolve({ ok: false, output });
}
