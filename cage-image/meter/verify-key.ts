import type { IncomingMessage } from 'node:http';
import * as z from 'zod/mini';
import { CodedError, toCodedError } from '#errors/coded-error.ts';
import type { FromMeter } from './messages.ts';
import type { ProviderConnection } from './provider-connection.ts';
import type { KeyRedactor } from './redact.ts';

type Verified = Extract<FromMeter, { type: 'verified' }>;

const MAX_LIST_BYTES = 4 * 1024 * 1024;
const MAX_TEXT = 300;

const modelList = z.object({ data: z.array(z.object({ id: z.string() })) });
const errorAnswer = z.object({ error: z.object({ message: z.string() }) });

/**
 * Asks the provider for its models with the key that is in the environment. `key_rejected` where the provider says 401 or 403, `key_unverified` where it
 * could not be asked or says anything else; its own words come along, short and without the key.
 */
export async function verifyKey(
  connection: ProviderConnection,
  redactor: KeyRedactor,
  deadlineMs: number,
): Promise<Verified> {
  try {
    const signal = AbortSignal.timeout(deadlineMs);
    const answer = await connection.call({
      method: 'GET',
      path: '/models',
      signal,
      mayGo: () => true,
      sendBefore: Infinity,
      moreTime: async () => undefined,
      onBegun: () => undefined,
      onSent: () => undefined,
    });
    return verdict(answer.statusCode ?? 0, redactor.text(await readText(answer)));
  } catch (error) {
    return {
      type: 'verified',
      ok: false,
      error: new CodedError('key_unverified', { reason: reasonOf(error) }).toBody(),
    };
  }
}

function verdict(status: number, text: string): Verified {
  const body = parseJson(text);
  const models = status === 200 ? modelList.safeParse(body) : undefined;
  if (models?.success)
    return { type: 'verified', ok: true, models: models.data.data.map((model) => model.id) };
  const error = new CodedError(status === 401 || status === 403 ? 'key_rejected' : 'key_unverified', {
    status,
  });
  const said = errorAnswer.safeParse(body);
  const providerText = (said.success ? said.data.error.message : text).slice(0, MAX_TEXT);
  return { type: 'verified', ok: false, error: error.toBody(), providerText };
}

async function readText(answer: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_LIST_BYTES) break;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function reasonOf(error: unknown): string {
  if (error instanceof Error && error.name === 'TimeoutError') return 'The provider did not answer in time.';
  const { code, message, details } = toCodedError(error);
  const reason = details?.['reason'];
  return typeof reason === 'string' ? `${message} (${reason})` : `${message} (${code})`;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
