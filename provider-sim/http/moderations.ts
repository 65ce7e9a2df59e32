import { z } from 'zod';
import { moderate, type Judged } from '../model/moderate.ts';
import { parseRequest } from '../request-schema.ts';
import { admit } from './admit.ts';
import { jsonBody } from './body.ts';
import { scriptedFaults } from './faults.ts';
import { makeId } from './ids.ts';
import type { Visit } from './visit.ts';

const FIRST_MODEL = 'omni-moderation-latest';

const moderationRequest = z.looseObject({
  model: z.string().min(1).default(FIRST_MODEL),
  input: z.union([
    z.string(),
    z.array(z.string()).min(1),
    z
      .array(
        z.union([
          z.looseObject({ type: z.literal('text'), text: z.string() }),
          z.looseObject({ type: z.literal('image_url'), image_url: z.looseObject({ url: z.string() }) }),
        ]),
      )
      .min(1),
  ]),
});

/** `POST /v1/moderations`: free, no usage is told and no tokens are booked. */
export async function createModeration(visit: Visit): Promise<void> {
  const { exchange } = visit;
  const { model, input } = parseRequest(moderationRequest, await jsonBody(exchange.request));
  admit(visit, 'moderations', model, 0);
  const judged = judgedOf(input);
  await scriptedFaults(visit, judged.map(({ text }) => text).join('\n'), model);
  exchange.json(200, { id: makeId('modr', '-'), model, results: judged.map(moderate) });
}

/** A result for each text; parts of several kinds are one thing, with one result. */
function judgedOf(input: z.infer<typeof moderationRequest>['input']): Judged[] {
  const all = typeof input === 'string' ? [input] : input;
  const texts = all.filter((one) => typeof one === 'string');
  if (texts.length > 0) return texts.map((text) => ({ text, image: false }));
  const parts = all.filter((one) => typeof one !== 'string');
  return [
    {
      text: parts.map((part) => (part.type === 'text' ? part.text : '')).join('\n'),
      image: parts.some(({ type }) => type === 'image_url'),
    },
  ];
}
