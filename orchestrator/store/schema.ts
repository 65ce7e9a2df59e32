import type { Generated } from 'kysely';
import type { ErrorBody } from '#errors/coded-error.ts';
import type { ClawState } from '#claw/claw.ts';
import type { TaskState } from '#task/state.ts';

/** The tables as Kysely sees them: camelCase here, snake_case in the database. */
export interface Database {
  readonly organisations: {
    id: string;
    name: string;
    createdAt: Date;
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
    createdAt: Date;
  };
  readonly ledger: {
    callId: string;
    organisationId: string;
    clawId: string;
    taskId: string;
    keyId: string;
    model: string;
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
