import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Readable } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib';
import { readerFor } from './answers/reader-for.ts';
import type { Taken } from './calls.ts';
import type { PreparedCall } from './prepared-call.ts';
import { providerResetMs } from './provider-reset.ts';
import { KeyRedactor } from './redact.ts';
import { responseHeaders } from './response-headers.ts';

/** One request of the agent and its answer. `gone` is aborted when the agent no longer reads. */
export class AgentExchange {
  readonly response: ServerResponse;
  readonly gone: AbortSignal;
  readonly #noLongerWritten: AbortSignal;

  /** After `cutOff` no slow agent is waited for. */
  constructor(response: ServerResponse, cutOff?: AbortSignal) {
    const gone = new AbortController();
    this.#noLongerWritten = cutOff === undefined ? gone.signal : AbortSignal.any([gone.signal, cutOff]);
    this.response = response;
    this.gone = gone.signal;
    response.once('close', () => {
      if (!response.writableFinished) gone.abort(new Error('The agent closed the connection.'));
    });
  }

  /** Waits while the agent is slow; returns at once when it is gone. */
  async write(bytes: Buffer): Promise<void> {
    const signal = this.#noLongerWritten;
    if (bytes.length === 0 || signal.aborted || this.response.write(bytes)) return;
    await once(this.response, 'drain', { signal }).catch(() => undefined);
  }
}

export interface Passed extends Taken {
  /** False where the provider's answer broke off. */
  readonly whole: boolean;
}

/** So much of a 429 is read for what it says of its reason. */
const REFUSAL_BYTES = 16 * 1024;

/**
 * Passes the provider's answer on as it comes, without the key and with `own` headers beside its own, and reads its usage. When the agent goes away the answer is read on, for the usage;
 * the caller limits that by destroying `answer`. The agent's response is not ended here, so that the call can be settled before.
 */
export async function passAnswer(
  answer: IncomingMessage,
  exchange: AgentExchange,
  call: PreparedCall,
  key: Buffer,
  own: Readonly<Record<string, string>> = {},
): Promise<Passed> {
  const { reader, contentType } = readerFor(answer, call);
  const redactor = new KeyRedactor(key, isText(contentType ?? answer.headers['content-type']));
  if (!exchange.gone.aborted) {
    const headers = { ...responseHeaders(answer.headers, redactor), ...own };
    if (contentType !== undefined) headers['content-type'] = contentType;
    exchange.response.writeHead(answer.statusCode ?? 502, headers);
    exchange.response.flushHeaders();
  }
  const refusal: Buffer[] = [];
  let refusalSize = answer.statusCode === 429 ? 0 : REFUSAL_BYTES;
  const resetMs = (): number | undefined =>
    providerResetMs(answer.statusCode, answer.headers, Buffer.concat(refusal).toString('utf8'));
  try {
    for await (const chunk of decoded(answer) as AsyncIterable<Buffer>) {
      if (refusalSize < REFUSAL_BYTES) refusal.push(chunk);
      refusalSize += chunk.length;
      await exchange.write(redactor.push(reader.push(chunk)));
    }
    await exchange.write(Buffer.concat([redactor.push(reader.end()), redactor.end()]));
    return { usage: reader.usage(), whole: reader.whole?.() ?? true, providerResetMs: resetMs() };
  } catch {
    const isFinal = reader.usageIsFinal?.() ?? true;
    return { usage: isFinal ? reader.usage() : undefined, whole: false, providerResetMs: resetMs() };
  }
}

const isText = (type = ''): boolean => /^(text\/|application\/([a-z0-9.-]+\+)?(json|xml)\b)/i.test(type);

/** Providers are asked for a plain body; one that compresses all the same is read all the same. */
function decoded(answer: IncomingMessage): Readable {
  const decoders = {
    gzip: createGunzip,
    'x-gzip': createGunzip,
    deflate: createInflate,
    br: createBrotliDecompress,
  };
  const coding = (answer.headers['content-encoding'] ?? 'identity').toLowerCase();
  if (!(coding in decoders)) return answer;
  const decoder = decoders[coding as keyof typeof decoders]();
  answer.once('error', (error) => decoder.destroy(error));
  return answer.pipe(decoder);
}
