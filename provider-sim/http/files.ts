import { z } from 'zod';
import { invalidParameter, notFound } from '../provider-error.ts';
import { parseRequest } from '../request-schema.ts';
import { formBody } from './body.ts';
import { scriptedFaults } from './faults.ts';
import type { StoredFile } from './file-store.ts';
import { makeId } from './ids.ts';
import { page } from './page.ts';
import type { Visit } from './visit.ts';

const PURPOSES = ['assistants', 'batch', 'fine-tune', 'vision', 'user_data', 'evals'] as const;
const HOUR_SECONDS = 3600;
/** Longer files are content, and no script is looked for in them. */
const LONGEST_SCRIPT_BYTES = 4096;

const fields = z.looseObject({
  purpose: z.enum(PURPOSES),
  'expires_after[seconds]': z.coerce
    .number()
    .int()
    .min(HOUR_SECONDS)
    .max(30 * 24 * HOUR_SECONDS)
    .optional(),
});

/** `POST /v1/files`. */
export async function uploadFile(visit: Visit): Promise<void> {
  const { exchange, provider, key } = visit;
  const form = await formBody(exchange.request);
  const { purpose, 'expires_after[seconds]': lifeSeconds } = parseRequest(fields, form.fields());
  const [file] = form.files('file');
  if (file === undefined) throw invalidParameter('file', "Missing required parameter: 'file'.");
  const content = Buffer.from(await file.arrayBuffer());
  if (content.length <= LONGEST_SCRIPT_BYTES && content[0] === 0x40)
    await scriptedFaults(visit, content.toString(), 'files');
  const created_at = Math.floor(Date.now() / 1000);
  const about = {
    id: makeId('file', '-'),
    object: 'file',
    bytes: content.length,
    created_at,
    expires_at: lifeSeconds === undefined ? null : created_at + lifeSeconds,
    filename: file.name,
    purpose,
    status: 'processed',
    status_details: null,
  } as const;
  provider.files.put(key, { about, content });
  exchange.json(200, about);
}

/** `GET /v1/files`, the newest first. */
export function listFiles({ exchange, provider, key, query }: Visit): void {
  const purpose = query.get('purpose');
  const files = provider.files.list(key).filter((file) => purpose === null || file.purpose === purpose);
  exchange.json(200, page(files, query, 10_000));
}

/** `GET /v1/files/:id`. */
export function retrieveFile(visit: Visit): void {
  visit.exchange.json(200, stored(visit).about);
}

/** `GET /v1/files/:id/content`. */
export function fileContent(visit: Visit): void {
  const { about, content } = stored(visit);
  visit.exchange.body(200, 'application/octet-stream', content, {
    'content-disposition': `attachment; filename*=UTF-8''${encodeURIComponent(about.filename)}`,
  });
}

/** `DELETE /v1/files/:id`. */
export function deleteFile(visit: Visit): void {
  const { id } = stored(visit).about;
  visit.provider.files.delete(visit.key, id);
  visit.exchange.json(200, { id, object: 'file', deleted: true });
}

/** Another key's file is not there. */
function stored({ provider, key, params: [id = ''] }: Visit): StoredFile {
  const found = provider.files.get(key, id);
  if (found === undefined) throw notFound(`No such File object: ${id}`);
  return found;
}
