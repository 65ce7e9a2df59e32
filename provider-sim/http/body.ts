import type { IncomingMessage } from 'node:http';
import { badForm, badJson, bodyTooLarge } from '../provider-error.ts';

const JSON_LIMIT_BYTES = 32 * 1024 * 1024;
const FORM_LIMIT_BYTES = 64 * 1024 * 1024;

/** Reads a JSON body; throws OpenAI's 400 for anything but JSON and 413 for more than 32 MiB. */
export async function jsonBody(request: IncomingMessage): Promise<unknown> {
  const bytes = await wholeBody(request, JSON_LIMIT_BYTES);
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw badJson();
  }
}

/** A form's fields and files, by name; the name of a list is `name[]` or comes several times. */
export class Form {
  readonly #data: FormData;

  constructor(data: FormData) {
    this.#data = data;
  }

  /** The text fields; where one comes twice, the last. */
  fields(): Record<string, string> {
    return Object.fromEntries(
      [...this.#data].filter((field): field is [string, string] => typeof field[1] === 'string'),
    );
  }

  files(name: string): File[] {
    return [...this.#data.getAll(name), ...this.#data.getAll(`${name}[]`)].filter(
      (value) => typeof value !== 'string',
    );
  }

  texts(name: string): string[] {
    return [...this.#data.getAll(name), ...this.#data.getAll(`${name}[]`)].filter(
      (value) => typeof value === 'string',
    );
  }
}

/** Reads a `multipart/form-data` body; throws 400 for anything else and 413 for more than 64 MiB. */
export async function formBody(request: IncomingMessage): Promise<Form> {
  const type = request.headers['content-type'] ?? '';
  const bytes = await wholeBody(request, FORM_LIMIT_BYTES);
  if (!/^multipart\/form-data;/i.test(type)) throw badForm(type);
  try {
    return new Form(
      await new Response(new Uint8Array(bytes), { headers: { 'content-type': type } }).formData(),
    );
  } catch {
    throw badForm(type);
  }
}

async function wholeBody(request: IncomingMessage, limitBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  if (Number(request.headers['content-length'] ?? 0) > limitBytes) throw bodyTooLarge(limitBytes);
  let bytes = 0;
  // Leaving the loop must not destroy the connection, over which the refusal still has to go.
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > limitBytes) throw bodyTooLarge(limitBytes);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
