import {
  explainReply,
  explainRequest,
  limitsReply,
  organisationLimits,
  organisationLimitsPatch,
  type ExplainReply,
  type LimitsReply,
} from '#protocol/api.ts';
import { CLAW, KEY, TIMES } from '../examples.ts';
import type { Operation } from '../operation.ts';

const LIMITS = { requestsPerMinute: 500, tokensPerMinute: 1_000_000, maxCages: 20 };
const OPEN = { closedForMs: null, clawsWaiting: 0 };

const STANDING: LimitsReply = {
  claw: 'writer',
  state: 'deployed',
  weight: 1,
  at: TIMES.at,
  levels: [
    {
      level: 'claw',
      id: CLAW.id,
      name: 'writer',
      requests: { cap: null, used: 3, remaining: null },
      tokens: { cap: 60_000, used: 58_200, remaining: 1800 },
      emptyInMs: 48_210,
      ...OPEN,
      clawsWaiting: 1,
    },
    {
      level: 'key',
      id: KEY.id,
      name: 'openai',
      requests: { cap: null, used: 12, remaining: null },
      tokens: { cap: 200_000, used: 91_400, remaining: 108_600 },
      emptyInMs: 60_870,
      ...OPEN,
    },
    {
      level: 'organisation',
      id: 'org_01jh09zv7c2m4n6p8r0t',
      name: 'default',
      requests: { cap: 500, used: 12, remaining: 488 },
      tokens: { cap: 1_000_000, used: 91_400, remaining: 908_600 },
      emptyInMs: 60_870,
      ...OPEN,
    },
  ],
  calls: { inFlight: 2, most: null },
  waiting: 1,
  waitsFor: 'claw tokens',
  freeInMs: 0,
};

const EXPLAINED: ExplainReply = {
  operation: 'chat',
  model: 'gpt-4o',
  modelKnownSince: '2026-11',
  bound: {
    inputTokens: 391,
    outputTokens: 15_000,
    totalTokens: 15_391,
    parts: [
      { part: 'text', tokens: 135, why: 'A token is at least one byte of the request.' },
      { part: 'overhead', tokens: 256, why: 'What the provider adds to each call.' },
      {
        part: 'output',
        tokens: 15_000,
        why: 'The call sets no limit: a quarter of the smallest token cap.',
      },
    ],
  },
  tightened: null,
  fits: [
    { level: 'claw', limit: 'tokens', cap: 60_000, fits: true },
    { level: 'key', limit: 'tokens', cap: 200_000, fits: true },
    { level: 'organisation', limit: 'requests', cap: 500, fits: true },
    { level: 'organisation', limit: 'tokens', cap: 1_000_000, fits: true },
  ],
  advice: [],
};

export const limitOperations: readonly Operation[] = [
  {
    id: 'getLimits',
    method: 'get',
    path: '/api/v1/limits',
    tag: 'Limits',
    summary: 'Get the limits of the organisation',
    reply: {
      status: 200,
      about: 'Caps of all its Claws together, and its cages at once; null is none.',
      schema: organisationLimits,
      example: LIMITS,
    },
  },
  {
    id: 'changeLimits',
    method: 'patch',
    path: '/api/v1/limits',
    tag: 'Limits',
    summary: 'Change the limits of the organisation',
    description:
      'What is left out stays; null takes a limit away; a cap of 0 lets no call through. Owners and admins. A cap is in force for the next call within a second, also for one that waits already, and what counts keeps counting. Fewer cages end warm spares only: the next tasks wait, with that as their reason.',
    body: { schema: organisationLimitsPatch, example: { tokensPerMinute: 1_000_000 } },
    reply: { status: 200, about: 'The limits as they are now.', schema: organisationLimits, example: LIMITS },
  },
  {
    id: 'getClawLimits',
    method: 'get',
    path: '/api/v1/claws/{claw}/limits',
    tag: 'Limits',
    summary: 'Get where a Claw stands among its limits',
    description:
      'What counts in the present window of the Claw, of its key and of the organisation, reservations of calls under way with it; what waits, and for what. While the limiter cannot be asked it is `limiter_unavailable`: no call is permitted then.',
    reply: {
      status: 200,
      about: 'The three levels, as they are at `at`.',
      schema: limitsReply,
      example: STANDING,
    },
    errors: ['limiter_unavailable'],
  },
  {
    id: 'explainLimits',
    method: 'post',
    path: '/api/v1/limits/explain',
    tag: 'Limits',
    summary: 'Explain what a call would reserve',
    description:
      'For the body of a model call as an agent of the Claw would send it: the upper bound of its tokens, part by part with the reason, and whether it fits each cap. It is sent nowhere and nothing of it is kept; a body may have 8 MiB. What the Claw may not call is refused here as it would be there. A cap may be set below what calls ask for: they then fail with `limit_never_fits`, which this tells beforehand.',
    body: {
      schema: explainRequest,
      example: {
        claw: 'writer',
        path: '/v1/chat/completions',
        body: { model: 'gpt-4o', messages: [{ role: 'user', content: 'Write the notes of release 2.1.' }] },
      },
    },
    reply: {
      status: 200,
      about: 'The bound, the tighter one where there is one, and what to change.',
      schema: explainReply,
      example: EXPLAINED,
    },
    errors: ['not_found', 'meter_request_invalid', 'meter_unbounded', 'meter_model_refused'],
  },
];
