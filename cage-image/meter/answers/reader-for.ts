import type { IncomingMessage } from 'node:http';
import type { CallOperation, PreparedCall } from '../prepared-call.ts';
import { opaqueReader, type BodyReader } from './body-reader.ts';
import { eventReader } from './event-reader.ts';
import { jsonReader } from './json-reader.ts';

/** The provider counts no tokens of these, and what looks like a usage in a file is none. */
const WITHOUT_USAGE: ReadonlySet<CallOperation> = new Set(['files', 'models', 'moderations', 'input_tokens']);

export interface Reading {
  readonly reader: BodyReader;
  /** The content type that the agent gets in place of the provider's. */
  readonly contentType?: string;
}

/** How the answer of a call is read: by what was asked, and by the type and status that came. */
export function readerFor(answer: IncomingMessage, call: PreparedCall): Reading {
  const type = answer.headers['content-type'] ?? '';
  const { operation, hideUsage = false, audioType } = call;
  if (call.document !== undefined && answer.statusCode === 200 && isJson(type))
    return { reader: call.document() };
  if (WITHOUT_USAGE.has(operation)) return { reader: opaqueReader() };
  if (type.startsWith('text/event-stream')) {
    return audioType === undefined
      ? { reader: eventReader({ operation, hideUsage }) }
      : { reader: eventReader({ operation, audioOnly: true }), contentType: audioType };
  }
  // Chat servers have been seen to send JSON under other names.
  const opaque = operation !== 'chat' && operation !== 'responses' && !isJson(type);
  return { reader: opaque ? opaqueReader() : jsonReader(operation) };
}

const isJson = (type: string): boolean => /^application\/([a-z0-9.-]+\+)?json\b/i.test(type);
