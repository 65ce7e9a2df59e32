import type { Leftover } from '#protocol/api.ts';
import type { CageInfo, EngineLeftover } from '#runtime/runtime.ts';
import type { CageToJudge } from '../store/leftovers-store.ts';

/** Who may end a cage: one that holds it, or anybody where its holder is gone. */
export interface Holders {
  /** The name under which this process holds cages. */
  readonly self: string | null;
  readonly live: ReadonlySet<string>;
}

/** What was found; a part that was not looked at is not there, and nothing follows from it. */
export interface Facts {
  readonly cages?: Holders & {
    readonly rows: readonly CageToJudge[];
    readonly containers: readonly CageInfo[];
    /** Rows that came after `containers` were listed; these have a row as well. */
    readonly laterRows: ReadonlySet<string>;
  };
  readonly engine?: readonly EngineLeftover[];
  readonly results?: readonly { readonly organisation: string; readonly id: string }[];
  /** Shredding keys whose task holds no content. */
  readonly shreddingKeys?: readonly string[];
  readonly keyDrafts?: readonly string[];
  readonly taskFiles?: readonly string[];
  readonly idempotencyKeys?: { readonly tasks: number; readonly batches: number };
  readonly orchestrators?: readonly string[];
  readonly lockFiles?: readonly string[];
  readonly eventStreams?: readonly string[];
}

/** Something that is to go once it has been seen for `graceMs`. */
export interface Candidate extends Pick<Leftover, 'kind' | 'name' | 'why' | 'action'> {
  readonly graceMs: number;
  readonly organisation?: string;
  /** A cage's row, as it was judged. */
  readonly row?: CageToJudge;
  /** Its container does not run although nobody wanted that; with its exit code, where it has one. */
  readonly lost?: { readonly exitCode?: number };
  readonly onEngine?: EngineLeftover;
}

export interface Graces {
  /** How long a thing without a row is left alone: its row may be just being written. */
  readonly graceMs: number;
}

/** Opening a cage may take the ten minutes of laying ours over an image, and then some. */
const OPENING_MS = 15 * 60_000;

/** Keys are made before the rows of their tasks, and those of a large batch long before. */
const LEAST_KEY_GRACE_MS = 60_000;

/** What of all that was found nobody needs. Pure: what is done with it, and when, is for others. */
export function plan(facts: Facts, { graceMs }: Graces): Candidate[] {
  const keyGraceMs = Math.max(10 * graceMs, LEAST_KEY_GRACE_MS);
  const { tasks = 0, batches = 0 } = facts.idempotencyKeys ?? {};
  return [
    ...cagesOf(facts.cages, graceMs),
    ...(facts.engine ?? []).map((onEngine): Candidate => ({
      kind: onEngine.kind,
      name: onEngine.name,
      why: onEngine.why,
      action: 'remove',
      graceMs: Math.max(graceMs, onEngine.patienceMs),
      onEngine,
    })),
    ...(facts.results ?? []).map(({ organisation, id }): Candidate => ({
      kind: 'result',
      name: id,
      why: 'its time is over',
      action: 'shred',
      graceMs: 0,
      organisation,
    })),
    ...all(facts.shreddingKeys, 'shredding_key', 'its task holds nothing any more', 'shred', keyGraceMs),
    ...all(facts.keyDrafts, 'key_draft', 'a key that was never finished', 'remove', keyGraceMs),
    ...all(facts.taskFiles, 'task_files', 'no result is kept with them', 'remove', graceMs),
    ...all(tasks > 0 ? ['tasks'] : [], 'idempotency_keys', `${tasks} have had their 24 h`, 'forget', 0),
    ...all(batches > 0 ? ['batches'] : [], 'idempotency_keys', `${batches} have had their 24 h`, 'forget', 0),
    ...all(facts.orchestrators, 'orchestrator', 'it is gone, and holds nothing', 'forget', graceMs),
    ...all(facts.lockFiles, 'lock_file', 'its orchestrator is gone', 'remove', graceMs),
    ...all(facts.eventStreams, 'event_stream', 'its task has ended', 'remove', keyGraceMs),
  ];
}

function cagesOf(facts: Facts['cages'], graceMs: number): Candidate[] {
  if (!facts) return [];
  const rows = new Set([...facts.rows.map(({ id }) => id), ...facts.laterRows]);
  const present = new Map(facts.containers.map((info) => [info.cageId, info]));
  return [
    ...facts.containers.filter(({ cageId }) => !rows.has(cageId)).map((info) => withoutRow(info, graceMs)),
    ...facts.rows.flatMap((row) => judged(row, present.get(row.id), facts, graceMs) ?? []),
  ];
}

function withoutRow({ cageId, state }: CageInfo, graceMs: number): Candidate {
  const over = state === 'exited';
  return {
    kind: 'container',
    name: cageId,
    why: over ? 'it has ended, and no row names it' : 'no row names it',
    action: 'remove',
    graceMs: over ? 0 : graceMs,
  };
}

/** Undefined where the cage is needed, or another is to see to it. */
function judged(
  row: CageToJudge,
  container: CageInfo | undefined,
  { self, live }: Holders,
  graceMs: number,
): Candidate | undefined {
  const mine = row.holder !== null && row.holder === self;
  const free = row.holder === null || (!mine && !live.has(row.holder));
  if (!mine && !free) return undefined;
  const about = { kind: 'cage', name: row.id, row } as const;
  if (row.state === 'ending') return { ...about, why: 'its end was begun', action: 'end', graceMs: 0 };
  if (row.state === 'creating') {
    const left = free && row.holder !== null;
    const why = left ? 'who opened it is gone' : 'its opening was never finished';
    return { ...about, why, action: 'end', graceMs: left ? graceMs : OPENING_MS };
  }
  if (row.taskOver) return { ...about, why: 'its task has ended', action: 'end', graceMs };
  if (container?.state === 'running') return undefined;
  // An attempt whose holder is gone is taken over, or given up, with what its container tells.
  if (free && row.holder !== null && row.task !== null) return undefined;
  return {
    ...about,
    why: container ? 'its container has ended' : 'its container is gone',
    action: 'end',
    graceMs: 0,
    lost: container?.exitCode === undefined ? {} : { exitCode: container.exitCode },
  };
}

const all = (
  names: readonly string[] | undefined,
  kind: Leftover['kind'],
  why: string,
  action: Leftover['action'],
  graceMs: number,
): Candidate[] => (names ?? []).map((name) => ({ kind, name, why, action, graceMs }));
