import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import OpenAI, { toFile } from 'openai';
import type { TableCall } from './table.ts';

/** Makes the calls of a table in this folder with Node's package, one after the other, and prints what each gave: bundled, it runs here and in a cage. */
const folder = import.meta.dirname;
const client = new OpenAI({ maxRetries: 0 });
const results: Record<string, unknown> = {};

for (const call of JSON.parse(readFileSync(join(folder, 'calls.json'), 'utf8')) as TableCall[])
  results[call.name] = await outcome(call);
process.stdout.write(JSON.stringify(shortened(results)));

async function outcome(call: TableCall): Promise<unknown> {
  try {
    return await made(call);
  } catch (error) {
    if (!(error instanceof OpenAI.APIError)) throw error;
    const { status, code, type, param, message } = error;
    return { error: error.constructor.name, status, code, type, param, message };
  }
}

async function made({ method, positional = [], body, read, retries = 0 }: TableCall): Promise<unknown> {
  const names = method
    .split('.')
    .map((name) => name.replaceAll(/_(\w)/g, (_, letter: string) => letter.toUpperCase()));
  const last = names.pop()!;
  const owner = names.reduce<unknown>(
    (at, name) => (at as Record<string, unknown>)[name],
    client.withOptions({ maxRetries: retries }),
  );
  const given = [...((await filled(positional)) as unknown[]), ...(body ? [await filled(body)] : [])];
  const answer = await (owner as Record<string, (...given: unknown[]) => Promise<unknown>>)[last]!(...given);
  if (read === 'bytes') return bytesOf(Buffer.from(await (answer as Response).arrayBuffer()));
  if (read === 'page') return (answer as { data: unknown }).data;
  if (read === 'json') return answer;
  const events = [];
  for await (const event of answer as AsyncIterable<unknown>) events.push(event);
  return events;
}

/** With files and earlier results in the place of what stands for them. */
async function filled(value: unknown): Promise<unknown> {
  if (Array.isArray(value)) return Promise.all(value.map(filled));
  if (typeof value !== 'object' || value === null) return value;
  const { $file: file, $dataUrl: image, $result: place } = value as Record<string, string | undefined>;
  if (file !== undefined) return toFile(readFileSync(join(folder, file)), file);
  if (image !== undefined)
    return `data:image/png;base64,${readFileSync(join(folder, image)).toString('base64')}`;
  if (place !== undefined)
    return place.split('.').reduce<unknown>((at, step) => (at as Record<string, unknown>)[step], results);
  const members = Object.entries(value).map(async ([name, member]) => [name, await filled(member)] as const);
  return Object.fromEntries(await Promise.all(members));
}

function bytesOf(bytes: Buffer): object {
  return { bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') };
}

/** Long texts (pictures) and rows of numbers (embeddings) by their hash. */
function shortened(value: unknown): unknown {
  if (typeof value === 'string') return value.length > 500 ? bytesOf(Buffer.from(value)) : value;
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value))
    return value.length > 100 && typeof value[0] === 'number'
      ? bytesOf(Buffer.from(JSON.stringify(value)))
      : value.map(shortened);
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, shortened(member)]));
}
