import { z } from 'zod';
import { cap, name, time } from './common.ts';

/** What a key's calls, or an organisation's, may use in any 60 s, all its Claws together; null is no cap, 0 is closed. */
const caps = { requestsPerMinute: cap.nullable(), tokensPerMinute: cap.nullable() };

// PATCH /keys/:name
export const keyPatch = z.strictObject(caps).partial();
export type KeyPatch = z.output<typeof keyPatch>;

// GET, PATCH /limits: the caps of the whole organisation
export const organisationLimits = z.strictObject({
  ...caps,
  /** Cages at once, warm spares with them; null: as many as the machine takes. */
  maxCages: z.int().min(1).max(100_000).nullable(),
});
export type OrganisationLimits = z.output<typeof organisationLimits>;
export const organisationLimitsPatch = organisationLimits.partial();
export type OrganisationLimitsPatch = z.output<typeof organisationLimitsPatch>;

/** One dimension of a level, in the 60 s around now: `used` is what counts, reservations of calls under way with it. */
const counted = z.strictObject({
  cap: z.int().nullable(),
  used: z.int(),
  /** Null where there is no cap. */
  remaining: z.int().nullable(),
});

export const levelView = z.strictObject({
  level: z.enum(['claw', 'key', 'organisation']),
  id: z.string(),
  name: z.string(),
  requests: counted,
  tokens: counted,
  /** When the last of what counts now has left, if nothing is added; 0 where nothing counts. */
  emptyInMs: z.int(),
  /** The provider said that this key has to wait: so long no call of it goes out. Null where it did not. */
  closedForMs: z.int().nullable(),
  /** Claws whose next call waits for its turn or for room at this level. */
  clawsWaiting: z.int(),
});
export type LevelView = z.output<typeof levelView>;

// GET /claws/:name/limits
export const limitsReply = z.strictObject({
  claw: z.string(),
  state: z.enum(['stopped', 'deployed']),
  /** Of its calls among those of others at a shared cap: twice the weight, twice the share. */
  weight: z.int(),
  at: time,
  levels: z.array(levelView),
  calls: z.strictObject({ inFlight: z.int(), most: z.int().nullable() }),
  /** Calls that wait for a permit. */
  waiting: z.int(),
  /** Why the first of them waits, or a call would that came now: `<level> <limit>`, such as `key tokens`; null where there is room. */
  waitsFor: z.string().nullable(),
  /** When there is room for a call of one request and one token, at the latest; 0: now. Null where that is not known, or never (a cap of 0). */
  freeInMs: z.int().nullable(),
});
export type LimitsReply = z.output<typeof limitsReply>;

// POST /limits/explain
export const explainRequest = z.strictObject({
  claw: name,
  /** As an agent would call it. */
  path: z
    .enum([
      '/v1/chat/completions',
      '/v1/responses',
      '/v1/embeddings',
      '/v1/images/generations',
      '/v1/audio/speech',
      '/v1/moderations',
    ])
    .default('/v1/chat/completions'),
  /** The request as an agent would send it. Nothing of it is kept or logged. */
  body: z.record(z.string(), z.unknown()),
});
export type ExplainRequest = z.input<typeof explainRequest>;
const boundPart = z.strictObject({
  /** Such as `text`, `images`, `tools`, `output`, `overhead`. */
  part: z.string(),
  tokens: z.int(),
  /** How it was found, in a sentence. */
  why: z.string(),
});
const explainedBound = z.strictObject({
  inputTokens: z.int(),
  outputTokens: z.int(),
  totalTokens: z.int(),
  parts: z.array(boundPart),
});
export const explainReply = z.strictObject({
  operation: z.string(),
  model: z.string(),
  /** Whether figures for this model are known, and of when; null where safe assumptions stand in. */
  modelKnownSince: z.string().nullable(),
  /** What is reserved at first. */
  bound: explainedBound,
  /** What is reserved where that would have to wait: the text is tokenised. Null where that is not possible, or no less. */
  tightened: explainedBound.nullable(),
  /** Against each cap, with nothing else counted: whether such a call can ever be made. */
  fits: z.array(
    z.strictObject({
      level: z.enum(['claw', 'key', 'organisation']),
      limit: z.enum(['requests', 'tokens']),
      cap: z.int(),
      fits: z.boolean(),
    }),
  ),
  /** What to change, in sentences; empty where nothing has to be. */
  advice: z.array(z.string()),
});
export type ExplainReply = z.output<typeof explainReply>;
