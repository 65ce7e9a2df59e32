import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { CodedError } from '#errors/coded-error.ts';
import { editDistance } from '#errors/edit-distance.ts';

const milliseconds = z.coerce
  .number()
  .int()
  .min(0)
  .max(7 * 24 * 3600_000);
const MIB = 1024 * 1024;
const url = (...schemes: string[]) => z.url({ protocol: new RegExp(`^(${schemes.join('|')})$`) });

const hostPort = z.string().regex(/^(\[[0-9a-fA-F:.]+\]|[^\s,:[\]]+):\d{1,5}$/, 'host:port');

/** Every variable that the service knows, with its default; what each means is said in docs/configuration.md. */
const schema = z.strictObject({
  CLAWCAGE_HOME: z.string().min(1).default(join(homedir(), '.clawcage')),
  CLAWCAGE_PORT: z.coerce.number().int().min(0).max(65_535).default(4180),
  CLAWCAGE_HOST: z.string().min(1).default('127.0.0.1'),
  CLAWCAGE_DATABASE_URL: url('postgres', 'postgresql').optional(),
  CLAWCAGE_REDIS_URL: url('redis', 'rediss').optional(),
  CLAWCAGE_GATE_ALLOW_HOSTS: z
    .string()
    .default('')
    .transform((text) =>
      text
        .split(',')
        .map((part) => part.trim())
        .filter((part) => part !== ''),
    )
    .pipe(z.array(hostPort)),
  CLAWCAGE_RUNTIME: z.enum(['docker', 'fake']).default('docker'),
  CLAWCAGE_MAX_CAGES: z.coerce.number().int().min(1).max(10_000).default(16),
  CLAWCAGE_WARM_SPARES: z.coerce.number().int().min(0).max(1).default(1),
  CLAWCAGE_ORPHAN_MS: milliseconds.default(120_000),
  CLAWCAGE_LEASE_MS: milliseconds.min(500).default(15_000),
  CLAWCAGE_PULSE_MS: milliseconds.min(100).default(5_000),
  CLAWCAGE_GRACE_MS: milliseconds.default(60_000),
  CLAWCAGE_MAX_QUEUED: z.coerce.number().int().min(1).max(10_000_000).default(100_000),
  CLAWCAGE_MIN_FREE_DISK_MIB: z.coerce.number().int().min(0).default(512),
  CLAWCAGE_MIN_FREE_MEMORY_MIB: z.coerce.number().int().min(0).default(256),
  CLAWCAGE_RECONCILE_MS: milliseconds.default(5_000),
  CLAWCAGE_LIMITER_HOLD_MS: milliseconds.default(91_000),
  CLAWCAGE_PERMIT_WAIT_MS: milliseconds.default(120_000),
  CLAWCAGE_RESULT_UNFETCHED_MS: milliseconds.default(24 * 3600_000),
  CLAWCAGE_RESULT_FETCHED_MS: milliseconds.default(15 * 60_000),
  CLAWCAGE_LOG_LEVEL: z.enum(['debug', 'info', 'warn', 'error']).default('info'),
  CLAWCAGE_BASE_IMAGE: z.string().optional(),
  DOCKER_HOST: z.string().optional(),
});

export interface Config {
  readonly home: string;
  readonly http: { readonly host: string; readonly port: number };
  readonly databaseUrl: string | undefined;
  readonly redisUrl: string | undefined;
  readonly gateAllowHosts: readonly string[];
  readonly runtime: 'docker' | 'fake';
  readonly dockerHost: string | undefined;
  readonly maxCages: number;
  readonly warmSpares: number;
  readonly orphanMs: number;
  /** Silent for so long an orchestrator has lost what it holds. */
  readonly leaseMs: number;
  /** Between two signs of life on a link and inside a cage; three of them missed mean gone or stuck. */
  readonly pulseMs: number;
  /** How long a thing without a row is left alone: its row may be just being written. */
  readonly graceMs: number;
  /** Waiting tasks of an organisation. */
  readonly maxQueued: number;
  /** Below these nothing is started. */
  readonly leastFree: { readonly diskBytes: number; readonly memoryBytes: number };
  readonly reconcileMs: number;
  readonly limiterHoldMs: number;
  readonly permitWaitMs: number;
  readonly results: { readonly unfetchedMs: number; readonly fetchedMs: number };
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error';
}

/**
 * The configuration from an environment; pure. `config_invalid` names each variable that is wrong, and for an unknown
 * `CLAWCAGE_` variable the nearest known name.
 */
export function loadConfig(env: Readonly<Record<string, string | undefined>>): Config {
  const given = ours(env);
  refuseUnknown(given);
  const parsed = schema.safeParse(given);
  if (!parsed.success) {
    const problems = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
    throw new CodedError('config_invalid', { problems });
  }
  const it = parsed.data;
  return {
    home: resolve(it.CLAWCAGE_HOME),
    http: { host: it.CLAWCAGE_HOST, port: it.CLAWCAGE_PORT },
    databaseUrl: it.CLAWCAGE_DATABASE_URL,
    redisUrl: it.CLAWCAGE_REDIS_URL,
    gateAllowHosts: it.CLAWCAGE_GATE_ALLOW_HOSTS,
    runtime: it.CLAWCAGE_RUNTIME,
    dockerHost: it.DOCKER_HOST,
    maxCages: it.CLAWCAGE_MAX_CAGES,
    warmSpares: it.CLAWCAGE_WARM_SPARES,
    orphanMs: it.CLAWCAGE_ORPHAN_MS,
    leaseMs: it.CLAWCAGE_LEASE_MS,
    pulseMs: it.CLAWCAGE_PULSE_MS,
    graceMs: it.CLAWCAGE_GRACE_MS,
    maxQueued: it.CLAWCAGE_MAX_QUEUED,
    leastFree: {
      diskBytes: it.CLAWCAGE_MIN_FREE_DISK_MIB * MIB,
      memoryBytes: it.CLAWCAGE_MIN_FREE_MEMORY_MIB * MIB,
    },
    reconcileMs: it.CLAWCAGE_RECONCILE_MS,
    limiterHoldMs: it.CLAWCAGE_LIMITER_HOLD_MS,
    permitWaitMs: it.CLAWCAGE_PERMIT_WAIT_MS,
    results: { unfetchedMs: it.CLAWCAGE_RESULT_UNFETCHED_MS, fetchedMs: it.CLAWCAGE_RESULT_FETCHED_MS },
    logLevel: it.CLAWCAGE_LOG_LEVEL,
  };
}

function ours(env: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const entries = Object.entries(env).filter((entry): entry is [string, string] => {
    const [name, value] = entry;
    if (value === undefined || value === '') return false;
    if (name === 'DOCKER_HOST') return true;
    // Kubernetes injects CLAWCAGE_PORT=tcp://… and its siblings for a Service of that name.
    return name.startsWith('CLAWCAGE_') && !value.startsWith('tcp://') && !/_SERVICE_(HOST|PORT)/.test(name);
  });
  return Object.fromEntries(entries);
}

function refuseUnknown(given: Record<string, string>): void {
  const known = Object.keys(schema.shape);
  const unknown = Object.keys(given).filter((name) => !known.includes(name));
  if (unknown.length === 0) return;
  const problems = unknown.map((name) => `${name} is not known; did you mean ${nearest(name, known)}?`);
  throw new CodedError('config_invalid', { problems });
}

function nearest(name: string, known: readonly string[]): string {
  const byDistance = known.map((candidate) => ({ candidate, distance: editDistance(name, candidate) }));
  byDistance.sort((a, b) => a.distance - b.distance);
  return byDistance[0]!.candidate;
}
