import { CodedError } from '#errors/coded-error.ts';
import type { AllowedCall } from '../allow-list.ts';
import { documentReader } from '../answers/document-reader.ts';
import { formFields } from '../form/form-fields.ts';
import { readForm } from '../form/read-form.ts';
import { writeForm } from '../form/write-form.ts';
import type { OwnFiles } from '../own-files.ts';
import type { PreparedCall } from '../prepared-call.ts';
import type { AgentRequest } from './agent-request.ts';

/** Files that lie there until somebody reads them. Those for batches, fine-tuning and evals are there to be spent tokens on. */
const PURPOSES = ['user_data', 'vision', 'assistants'];
const SHAPE = { files: ['file'], texts: ['purpose', 'expires_after[anchor]', 'expires_after[seconds]'] };

/** A file's upload; the provider's answer makes it the task's own. Errors: `meter_request_invalid`, `meter_unbounded`. */
export function prepareUpload(
  { body, contentType, accept }: AgentRequest,
  model: string,
  own: OwnFiles,
): PreparedCall {
  const parts = readForm(contentType, body);
  const { texts, files } = formFields(parts, SHAPE);
  if (files.length === 0)
    throw new CodedError('meter_request_invalid', { field: 'file', reason: 'It is not there.' });
  if (!PURPOSES.includes(texts.get('purpose') ?? ''))
    throw new CodedError('meter_unbounded', {
      field: 'purpose',
      reason: `only ${PURPOSES.join(', ')}; the others are there to spend tokens later`,
    });
  return {
    operation: 'files',
    model,
    method: 'POST',
    path: '/files',
    accept,
    ...writeForm(parts),
    tokens: 0,
    document: () => documentReader((value) => own.created(value)),
  };
}

type FileCall = Extract<AllowedCall, { file: string }>;

/** One of the task's own files: what it is, what is in it, or its deletion. Error: `meter_file_unknown`. */
export function prepareFileCall(
  { kind, path, file }: FileCall,
  accept: string | undefined,
  model: string,
  own: OwnFiles,
): PreparedCall {
  own.check(file);
  const call = { operation: 'files', model, path, accept, tokens: 0 } as const;
  if (kind === 'file_content') return { ...call, method: 'GET' };
  if (kind === 'file_delete')
    return { ...call, method: 'DELETE', document: () => documentReader(() => own.deleted(file)) };
  return { ...call, method: 'GET', document: () => documentReader((value) => own.described(value)) };
}
