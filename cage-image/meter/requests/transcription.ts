import { CodedError } from '#errors/coded-error.ts';
import { boundOfTranscription } from '#bounds/transcription.ts';
import { modelFor } from '#bounds/claw-models.ts';
import { asRequest, formFields } from '../form/form-fields.ts';
import { readForm } from '../form/read-form.ts';
import { writeForm } from '../form/write-form.ts';
import type { PreparedCall } from '../prepared-call.ts';
import type { AgentRequest, ClawBounds } from './agent-request.ts';

const TEXTS = {
  transcriptions:
    `model prompt language response_format temperature stream include[] timestamp_granularities[]
  chunking_strategy chunking_strategy[type] chunking_strategy[prefix_padding_ms] chunking_strategy[silence_duration_ms]
  chunking_strategy[threshold]`.split(/\s+/),
  translations: 'model prompt response_format temperature'.split(' '),
} as const;

/** A transcription or translation of one recording, a form. Errors: `meter_request_invalid`, `meter_model_refused`, `meter_unbounded`. */
export function prepareTranscription(
  operation: 'transcriptions' | 'translations',
  { body, contentType, accept }: AgentRequest,
  claw: ClawBounds,
): PreparedCall {
  const parts = readForm(contentType, body);
  const { texts, files } = formFields(parts, { texts: TEXTS[operation], files: ['file'] });
  const [audio] = files;
  if (audio === undefined)
    throw new CodedError('meter_request_invalid', { field: 'file', reason: 'It is not there.' });
  const model = modelFor(operation, texts.get('model'), claw);
  const named = texts.has('model') ? parts : [...parts, { name: 'model', content: Buffer.from(model) }];
  return {
    operation,
    model,
    method: 'POST',
    path: `/audio/${operation}`,
    accept,
    ...writeForm(named),
    tokens: boundOfTranscription({ ...asRequest(texts), model }, audio.content, claw.unbounded).total,
  };
}
