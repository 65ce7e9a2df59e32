import type { UsageCounts } from '#protocol/link-messages.ts';
import { readUsage } from './usage.ts';

/** Reads the usage out of an answer's body while it passes. */
export interface BodyReader {
  /** What of it goes on to the agent. */
  push(chunk: Buffer): Buffer;
  end(): Buffer;
  /** Known at the end, for a stream as soon as it came. */
  usage(): UsageCounts | undefined;
}

const EMPTY = Buffer.alloc(0);
const MAX_HELD_BYTES = 16 * 1024 * 1024;

/** A body that is one JSON document. One larger than 16 MiB passes, but its usage is not read. */
export function jsonBodyReader(): BodyReader {
  let held: Buffer[] | undefined = [];
  let size = 0;
  return {
    push: (chunk) => {
      size += chunk.length;
      held = size > MAX_HELD_BYTES ? undefined : held;
      held?.push(chunk);
      return chunk;
    },
    end: () => EMPTY,
    usage: () => (held === undefined ? undefined : usageIn(Buffer.concat(held).toString('utf8'))?.usage),
  };
}

/**
 * A body of server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html). Each event passes as the bytes that it came in, as soon
 * as its last line has come. With `hideUsage` the chunk that holds nothing but the usage does not pass: the agent did not ask for it.
 */
export function eventStreamReader(hideUsage: boolean): BodyReader {
  let rest: Buffer = EMPTY;
  let usage: UsageCounts | undefined;
  let unreadable = false;

  const passes = (event: Buffer): boolean => {
    const found = event.includes('"usage"') ? usageIn(dataOf(event)) : undefined;
    usage = found?.usage ?? usage;
    return !(hideUsage && found?.usage !== undefined && found.onlyUsage);
  };

  return {
    push: (chunk) => {
      if (unreadable) return chunk;
      rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
      const out: Buffer[] = [];
      for (let end = eventEnd(rest); end > 0; end = eventEnd(rest)) {
        const event = rest.subarray(0, end);
        if (passes(event)) out.push(event);
        rest = rest.subarray(end);
      }
      if (rest.length > MAX_HELD_BYTES) {
        unreadable = true;
        out.push(rest);
        rest = EMPTY;
      }
      return Buffer.concat(out);
    },
    end: () => {
      const last = rest;
      rest = EMPTY;
      return last.length > 0 && passes(last) ? last : EMPTY;
    },
    usage: () => usage,
  };
}

const EVENT_ENDS = ['\n\n', '\r\n\r\n', '\r\r'];

/** The length of the first whole event, its empty line included; 0 where none is whole yet. */
function eventEnd(bytes: Buffer): number {
  const ends = EVENT_ENDS.flatMap((mark) => {
    const at = bytes.indexOf(mark);
    return at < 0 ? [] : [at + mark.length];
  });
  return ends.length === 0 ? 0 : Math.min(...ends);
}

function dataOf(event: Buffer): string {
  const lines = event.toString('utf8').split(/\r\n|\n|\r/);
  return lines.flatMap((line) => (line.startsWith('data:') ? [line.slice(5)] : [])).join('\n');
}

function usageIn(text: string): { usage: UsageCounts | undefined; onlyUsage: boolean } | undefined {
  try {
    const value = JSON.parse(text) as { usage?: unknown; choices?: unknown } | null;
    const onlyUsage = Array.isArray(value?.choices) && value.choices.length === 0;
    return { usage: readUsage(value?.usage), onlyUsage };
  } catch {
    return undefined;
  }
}
