import type { FastifyInstance } from 'fastify';
import {
  explainRequest,
  keyPatch,
  organisationLimitsPatch,
  type ClawView,
  type ExplainReply,
  type KeyView,
  type LevelView,
  type LimitsReply,
  type OrganisationLimits,
} from '#protocol/api.ts';
import { NOW } from './fake-task.ts';

/** What the routes of limits know: the organisation's caps, and what the next question about a Claw is answered with. */
export interface FakeLimits {
  organisation: OrganisationLimits;
  /** Asked anew each time, so that what is watched can move. */
  ofClaw: (claw: ClawView) => LimitsReply;
  explained: ExplainReply;
  /** The bodies that were to be explained, in order. */
  readonly asked: unknown[];
}

interface Limited {
  readonly keys: Map<string, KeyView>;
  readonly claws: Map<string, ClawView>;
  readonly limits: FakeLimits;
}

const dimension = (used: number, cap: number | null) => ({
  cap,
  used,
  remaining: cap === null ? null : Math.max(0, cap - used),
});

/** A level with what it uses and its caps. */
export function level(
  kind: LevelView['level'],
  name: string,
  use: {
    tokens?: readonly [used: number, cap: number | null];
    requests?: readonly [used: number, cap: number | null];
  } = {},
  more: Partial<LevelView> = {},
): LevelView {
  return {
    level: kind,
    id: `${kind}_1`,
    name,
    tokens: dimension(...(use.tokens ?? ([0, null] as const))),
    requests: dimension(...(use.requests ?? ([0, null] as const))),
    emptyInMs: 0,
    closedForMs: null,
    clawsWaiting: 0,
    ...more,
  };
}

export function limitsOf(
  claw: ClawView,
  levels: readonly LevelView[],
  more: Partial<LimitsReply> = {},
): LimitsReply {
  return {
    claw: claw.name,
    state: claw.state,
    weight: claw.weight,
    at: NOW,
    levels: [...levels],
    calls: { inFlight: 0, most: claw.callsAtOnce },
    waiting: 0,
    waitsFor: null,
    freeInMs: 0,
    ...more,
  };
}

const BOUND = {
  inputTokens: 3829,
  outputTokens: 40,
  totalTokens: 3869,
  parts: [
    { part: 'text', tokens: 3573, why: 'Bytes of the request, as a token is at least one byte.' },
    { part: 'overhead', tokens: 256, why: 'What the provider adds to a call.' },
    { part: 'output', tokens: 40, why: 'max_completion_tokens.' },
  ],
};

export const newLimits = (): FakeLimits => ({
  organisation: { requestsPerMinute: null, tokensPerMinute: null, maxCages: null },
  ofClaw: (claw) =>
    limitsOf(claw, [level('claw', claw.name, { tokens: [0, claw.tokensPerMinute] }), level('key', claw.key)]),
  explained: {
    operation: 'chat',
    model: 'gpt-4o',
    modelKnownSince: '2026-11',
    bound: BOUND,
    tightened: null,
    fits: [],
    advice: [],
  },
  asked: [],
});

type Named = { Params: { name: string } };

/** The routes of limits over a FakeApi. */
export function limitRoutes(app: FastifyInstance, api: Limited, found: <T>(item: T | undefined) => T): void {
  app.get('/api/v1/limits', async () => api.limits.organisation);
  app.patch('/api/v1/limits', async ({ body }) => {
    api.limits.organisation = {
      ...api.limits.organisation,
      ...(organisationLimitsPatch.parse(body) as Partial<OrganisationLimits>),
    };
    return api.limits.organisation;
  });
  app.patch<Named>('/api/v1/keys/:name', async ({ params, body }) => {
    const key = { ...found(api.keys.get(params.name)), ...keyPatch.parse(body) } as KeyView;
    api.keys.set(params.name, key);
    return key;
  });
  app.get<Named>('/api/v1/claws/:name/limits', async ({ params }) =>
    api.limits.ofClaw(found(api.claws.get(params.name))),
  );
  app.post('/api/v1/limits/explain', async ({ body }) => {
    const asked = explainRequest.parse(body);
    found(api.claws.get(asked.claw));
    api.limits.asked.push(asked);
    return api.limits.explained;
  });
}
