import type { UsageCounts } from '#protocol/link-messages.ts';
import type { CallOperation } from '../prepared-call.ts';
import { EMPTY, type BodyReader } from './body-reader.ts';
import { HeldEvents } from './held-events.ts';
import { addUsage, readUsage } from './usage.ts';

export interface EventOptions {
  readonly operation: CallOperation;
  /** The chunk that holds nothing but the usage does not pass: the agent did not ask for it. */
  readonly hideUsage?: boolean;
  /** The agent gets the audio that the events carry in their place. */
  readonly audioOnly?: boolean;
}

/**
 * A body of server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html). Each event passes as the bytes that it came in, as soon
 * as its last line has come.
 */
export function eventReader(options: EventOptions): BodyReader {
  const { audioOnly = false } = options;
  const held = new HeldEvents();
  let usage: UsageCounts | undefined;
  let isFinal = false;
  let isSilly = false;
  let done = false;

  const passing = (event: Buffer): Buffer => {
    const found = event.includes('"usage"') ? usageOf(event, options.operation) : undefined;
    // Of several images each comes with a usage of its own.
    if (found?.usage !== undefined) {
      usage = options.operation === 'images' ? addUsage(usage, found.usage) : found.usage;
      isFinal = found.isFinal;
    }
    isSilly ||= found?.isSilly === true;
    if (audioOnly) {
      done ||= event.includes('speech.audio.done');
      return audioOf(event);
    }
    return options.hideUsage === true && found?.usage !== undefined && found.onlyUsage ? EMPTY : event;
  };

  return {
    push: (chunk) => Buffer.concat(held.push(chunk).map(passing)),
    end: () => passing(held.end()),
    usage: () => (isSilly ? undefined : usage),
    usageIsFinal: () => isFinal,
    whole: () => !audioOnly || done,
  };
}

interface EventData {
  readonly type?: unknown;
  readonly usage?: unknown;
  readonly choices?: unknown;
  readonly audio?: unknown;
  readonly response?: { readonly usage?: unknown } | null;
}

function dataOf(event: Buffer): EventData | undefined {
  const lines = event.toString('utf8').split(/\r\n|\n|\r/);
  const text = lines.flatMap((line) => (line.startsWith('data:') ? [line.slice(5)] : [])).join('\n');
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

interface FoundUsage {
  readonly usage: UsageCounts | undefined;
  /** The event brings nothing else. */
  readonly onlyUsage: boolean;
  /** No more can come: some servers tell a running count with every event of a chat, and of several images each has its own. */
  readonly isFinal: boolean;
  /** Something is told, and it makes no sense. */
  readonly isSilly: boolean;
}

/** A response's last event holds the whole response, with its usage (`response.completed`, `.incomplete`, `.failed`); all others hold it at the top. */
function usageOf(event: Buffer, operation: CallOperation): FoundUsage | undefined {
  const data = dataOf(event);
  if (data === undefined) return undefined;
  const onlyUsage = Array.isArray(data.choices) && data.choices.length === 0;
  const told = operation === 'responses' ? data.response?.usage : data.usage;
  const usage = readUsage(told, operation);
  const isFinal = operation === 'chat' ? onlyUsage : operation !== 'images';
  return { usage, onlyUsage, isFinal, isSilly: told !== undefined && told !== null && usage === undefined };
}

/** The audio of a `speech.audio.delta`. */
function audioOf(event: Buffer): Buffer {
  const data = event.includes('speech.audio.delta') ? dataOf(event) : undefined;
  return typeof data?.audio === 'string' ? Buffer.from(data.audio, 'base64') : EMPTY;
}
