import { allowedCall } from '../../../cage-image/meter/allow-list.ts';
import { OwnFiles } from '../../../cage-image/meter/own-files.ts';
import { prepareCall } from '../../../cage-image/meter/prepare.ts';
import type { PreparedCall } from '../../../cage-image/meter/prepared-call.ts';
import type { TestProvider } from '../../support/provider.ts';
import type { Shape } from './shapes.ts';

/** What was reserved for a request, and what the provider's own books say that it used. */
export interface Measured {
  readonly name: string;
  readonly operation: string;
  readonly reserved: number;
  readonly used: number;
  /** What is reserved where that would have to wait: the text is counted. Undefined where there is no less to be had. */
  readonly tightened: number | undefined;
}

const CLAW = {
  model: 'gpt-4o',
  models: {
    chat: [
      'gpt-4o-mini',
      'gpt-4.1',
      'gpt-4.1-mini',
      'gpt-5-mini',
      'gpt-5.4',
      'gpt-5.4-mini',
      'gpt-5.4-nano',
      'gpt-5.5',
      'gpt-5.6-sol',
      'gpt-6-astra',
    ],
    embeddings: ['text-embedding-3-small', 'text-embedding-3-large'],
    images: ['gpt-image-1'],
    speech: ['gpt-4o-mini-tts', 'tts-1'],
    transcriptions: ['gpt-4o-transcribe', 'whisper-1'],
    translations: ['whisper-1'],
    moderations: ['omni-moderation-latest'],
  },
};

/** As the meter makes it ready for the provider. */
export async function prepared({ path, body }: Pick<Shape, 'path' | 'body'>): Promise<PreparedCall> {
  const sent = body instanceof FormData ? new Response(body) : new Response(JSON.stringify(body));
  const asked = {
    body: Buffer.from(await sent.arrayBuffer()),
    contentType: sent.headers.get('content-type') ?? undefined,
    accept: undefined,
  };
  return prepareCall(allowedCall('POST', path), asked, CLAW, new OwnFiles()) as PreparedCall;
}

/** Sends it, and reads in the books what it used. Throws where it was refused: then nothing was measured. */
export async function measured(provider: TestProvider, shape: Shape, call: PreparedCall): Promise<Measured> {
  const answer = await fetch(`${provider.url}${call.path}`, {
    method: call.method,
    headers: {
      authorization: `Bearer ${provider.key}`,
      'content-type': call.contentType ?? 'application/json',
    },
    body: new Uint8Array(call.body!),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${shape.name}: ${answer.status} ${text.slice(0, 300)}`);
  const booked = provider.books().find(({ id }) => id === answer.headers.get('x-request-id'));
  return {
    name: shape.name,
    operation: call.operation,
    reserved: call.tokens,
    tightened: await call.tighten?.(),
    used: booked!.totalTokens,
  };
}

export const ratioOf = ({ reserved, used }: Measured): number => reserved / used;

/** As if the smaller bound had been reserved, where there is one. */
export const asTightened = (one: Measured): Measured => ({ ...one, reserved: one.tightened ?? one.reserved });

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((one, other) => one - other);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
