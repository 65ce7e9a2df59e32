import { z } from 'zod';
import { cap, LIMITS, name, time } from './common.ts';

export const keyCreate = z.strictObject({
  name,
  provider: z.literal('openai'),
  secret: z
    .string()
    .min(8)
    .max(LIMITS.secretBytes)
    .regex(/^[\x21-\x7e]+$/, 'printable ASCII without spaces'),
  baseUrl: z.url({ protocol: /^https?$/ }).default('https://api.openai.com/v1'),
  /** PEM of the endpoint's private CA. */
  ca: z.string().max(65_536).startsWith('-----BEGIN CERTIFICATE-----').optional(),
  verify: z.boolean().default(true),
  /** What its calls may use in any 60 s, all its Claws together; null is no cap. */
  requestsPerMinute: cap.nullable().default(null),
  tokensPerMinute: cap.nullable().default(null),
});
export const keyRotate = keyCreate.pick({ secret: true, verify: true });
export const keyView = z.strictObject({
  id: z.string(),
  name: z.string(),
  provider: z.string(),
  baseUrl: z.string(),
  masked: z.string(),
  version: z.int(),
  state: z.enum(['active', 'revoked']),
  verifiedAt: time.nullable(),
  createdAt: time,
  requestsPerMinute: z.int().nullable(),
  tokensPerMinute: z.int().nullable(),
  /** Set where the endpoint is http://: the gate then carries the key in the clear. */
  warning: z.string().optional(),
});
export type KeyView = z.infer<typeof keyView>;

export const keyList = z.strictObject({
  state: z.enum(['active', 'revoked']).optional(),
  limit: z.coerce.number().int().min(1).max(200).default(50),
  cursor: z.string().optional(),
});
/** GET /keys/:name/models: what the provider offers to this key, asked by a meter; kept for minutes. */
export const keyModelsReply = z.strictObject({
  key: z.string(),
  models: z.array(z.string()),
  askedAt: time,
});
export type KeyModelsReply = z.infer<typeof keyModelsReply>;
