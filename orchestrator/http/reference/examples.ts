import { clawDefaults, type ClawView, type KeyView, type TaskView, type UsageView } from '#protocol/api.ts';
import { PARAMETERS } from './operation.ts';

const AT = '2026-01-15T09:30:00.000Z';
const STARTED = '2026-01-15T09:30:00.120Z';
const ENDED = '2026-01-15T09:30:07.480Z';

export const TIMES = { at: AT, started: STARTED, ended: ENDED } as const;
export const TASK_ID = PARAMETERS.task!.example;
export const BATCH_ID = PARAMETERS.batch!.example;

export const KEY: KeyView = {
  id: 'key_01jh09zv7c2m4n6p8r0t',
  name: 'openai',
  provider: 'openai',
  baseUrl: 'https://api.openai.com/v1',
  masked: 'sk-proj-…x7Qd',
  version: 1,
  state: 'active',
  verifiedAt: AT,
  createdAt: AT,
  requestsPerMinute: null,
  tokensPerMinute: 200_000,
};

export const CLAW: ClawView = {
  id: 'claw_01jh09zv7c2m4n6p8r0t',
  name: 'writer',
  ...clawDefaults.parse({
    model: 'gpt-4o',
    key: 'openai',
    instructions: 'You write release notes.',
    tokensPerMinute: 60_000,
    egress: ['github.com'],
  }),
  state: 'deployed',
  createdAt: AT,
  updatedAt: AT,
};

export const USAGE: UsageView = {
  requests: 3,
  inputTokens: 2140,
  cachedTokens: 1024,
  outputTokens: 318,
  reasoningTokens: 0,
  totalTokens: 2458,
};

export const NO_USAGE: UsageView = {
  requests: 0,
  inputTokens: 0,
  cachedTokens: 0,
  outputTokens: 0,
  reasoningTokens: 0,
  totalTokens: 0,
};

export const QUEUED: TaskView = {
  id: TASK_ID,
  claw: 'writer',
  state: 'queued',
  waiting: null,
  epoch: 0,
  priority: 0,
  notBefore: null,
  deadline: null,
  batch: null,
  ref: null,
  createdAt: AT,
  startedAt: null,
  endedAt: null,
};

export const SUCCEEDED: TaskView = {
  ...QUEUED,
  state: 'succeeded',
  epoch: 1,
  startedAt: STARTED,
  endedAt: ENDED,
};
export const CANCELLED: TaskView = {
  ...QUEUED,
  state: 'cancelled',
  endedAt: ENDED,
  error: { code: 'task_cancelled', message: 'The task was cancelled.' },
};
