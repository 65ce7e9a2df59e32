import { boundOfImages } from '#bounds/image.ts';
import { modelFor } from '#bounds/claw-models.ts';
import { asRequest, formFields } from '../form/form-fields.ts';
import { readForm } from '../form/read-form.ts';
import { writeForm } from '../form/write-form.ts';
import type { PreparedCall } from '../prepared-call.ts';
import type { AgentRequest, ClawBounds } from './agent-request.ts';
import { parseObject, written } from './json-object.ts';

/** The making of images made ready. Errors: `meter_request_invalid`, `meter_model_refused`, `meter_unbounded`. */
export function prepareImages({ body, accept }: AgentRequest, claw: ClawBounds): PreparedCall {
  const parsed = parseObject(body);
  const model = modelFor('images', parsed['model'], claw);
  const request = { ...parsed, model };
  const tokens = boundOfImages(request, 0, claw.unbounded).total;
  return {
    operation: 'images',
    model,
    method: 'POST',
    path: '/images/generations',
    accept,
    body: written(request),
    tokens,
  };
}

const EDIT = {
  files: ['image', 'image[]', 'mask'],
  texts:
    `model prompt background input_fidelity moderation n output_compression output_format partial_images quality
  response_format size stream user`.split(/\s+/),
};

/** The editing of images, a form. Errors as above. */
export function prepareImageEdit(
  { body, contentType, accept }: AgentRequest,
  claw: ClawBounds,
): PreparedCall {
  const parts = readForm(contentType, body);
  const { texts, files } = formFields(parts, EDIT);
  const model = modelFor('images', texts.get('model'), claw);
  const request = { ...asRequest(texts), model };
  const tokens = boundOfImages(request, files.length, claw.unbounded).total;
  const named = texts.has('model') ? parts : [...parts, { name: 'model', content: Buffer.from(model) }];
  const form = writeForm(named);
  return { operation: 'images', model, method: 'POST', path: '/images/edits', accept, ...form, tokens };
}
