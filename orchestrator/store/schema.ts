import type { Generated } from 'kysely';
import type { ErrorBody } from '#errors/coded-error.ts';
import type { ClawBehaviour, ClawState } from '#claw/claw.ts';
import type { TaskState } from '#task/state.ts';

/** The tables as Kysely sees them: camelCase here, snake_case in the database. */
export interface Database {
  readonly organisations: {
    id: string;
    name: string;
    createdAt: Date;
    /** Enveloped; null until somebody asks for it. */
    webhookSecretRecord: Generated<Buffer | null>;
    requestsPerMinute: Generated<number | null>;
    tokensPerMinute: Generated<number | null>;
    maxCages: Generated<number | null>;
  };
  readonly keys: {
    id: string;
    organisationId: string;
    name: string;
    provider: string;
    baseUrl: string;
    ca: string | null;
    /** Null once the key is revoked. */
    record: Buffer | null;
    masked: string;
    version: number;
    state: 'active' | 'revoked';
    verifiedAt: Date | null;
    createdAt: Date;
    requestsPerMinute: Generated<number | null>;
    tokensPerMinute: Generated<number | null>;
  };
  readonly claws: {
    id: string;
    organisationId: string;
    name: string;
    model: string;
    keyId: string;
    instructions: string;
    requestsPerMinute: number | null;
    tokensPerMinute: number | null;
    maxSteps: number;
    concurrency: number;
    timeoutMs: number;
    behaviour: Generated<Partial<ClawBehaviour>>;
    state: Generated<ClawState>;
    createdAt: Date;
    updatedAt: Date;
    deletedAt: Generated<Date | null>;
  };
  readonly tasks: {
    id: string;
    organisationId: string;
    clawId: string;
    state: Generated<TaskState>;
    waiting: Generated<string | null>;
    epoch: Generated<number>;
    error: Generated<ErrorBody | null>;
    cancelRequested: Generated<boolean>;
    timeoutMs: number;
    idempotencyKey: string | null;
    idempotencyHash: string | null;
    sealedInput: Buffer | null;
    sealedResult: Generated<Buffer | null>;
    resultExpiresAt: Generated<Date | null>;
    createdAt: Date;
    startedAt: Generated<Date | null>;
    endedAt: Generated<Date | null>;
    priority: Generated<number>;
    notBefore: Generated<Date | null>;
    deadline: Generated<Date | null>;
    batchId: Generated<string | null>;
    ref: Generated<string | null>;
    webhook: Generated<string | null>;
    /** The agent had a model's answer, or called a tool: it may have acted. */
    acted: Generated<boolean>;
    /** The orchestrator that has the attempt; null while the task waits. */
    holder: Generated<string | null>;
    /** How long it was to wait for `notBefore` when it went back to the queue. */
    retryWaitMs: Generated<number | null>;
    /** Of its epochs those that do not count as attempts. */
    spared: Generated<number>;
    /** The `start` of the present attempt may be on its way to its agent. */
    handedOver: Generated<boolean>;
  };
  readonly batches: {
    id: string;
    organisationId: string;
    clawId: string;
    total: number;
    idempotencyKey: string | null;
    idempotencyHash: string | null;
    createdAt: Date;
  };
  readonly taskFiles: {
    organisationId: string;
    taskId: string;
    epoch: number;
    path: string;
    piece: number;
    last: boolean;
    /** Of the piece in the clear. */
    bytes: number;
    sealed: Buffer;
  };
  readonly deliveries: {
    id: string;
    organisationId: string;
    taskId: string;
    url: string;
    state: Generated<'waiting' | 'delivered' | 'failed'>;
    attempts: Generated<number>;
    lastStatus: Generated<number | null>;
    lastError: Generated<string | null>;
    nextAt: Date | null;
    createdAt: Date;
  };
  readonly cages: {
    id: string;
    organisationId: string;
    clawId: string | null;
    purpose: 'task' | 'verify';
    state: Generated<'creating' | 'warm' | 'assigned' | 'ending'>;
    taskId: Generated<string | null>;
    taskEpoch: Generated<number | null>;
    linkSecretRecord: Buffer;
    epoch: Generated<number>;
    lastSeq: Generated<number>;
    /** The orchestrator that holds its link. */
    holder: Generated<string | null>;
    createdAt: Date;
  };
  readonly orchestrators: {
    id: string;
    /** Of the machine and its boot. */
    machine: string;
    pid: number;
    version: string;
    state: Generated<'live' | 'left' | 'expired'>;
    beat: Generated<number>;
    startedAt: Date;
  };
  readonly ledger: {
    callId: string;
    organisationId: string;
    clawId: string;
    taskId: string;
    keyId: string;
    model: string;
    operation: Generated<string>;
    requests: number;
    inputTokens: number;
    cachedTokens: number;
    outputTokens: number;
    reasoningTokens: number;
    totalTokens: number;
    at: Date;
  };
  readonly settings: {
    name: string;
    value: unknown;
  };
}
