import type { Fault } from '../plan.ts';

// What is known at the end of a run, from four sides that do not know each other: the clients, the database's history, the engine's events, the
// provider's books. Times are milliseconds of the machine's wall clock, which nothing in a run steps but the orchestrators' own.

export const TASK_KINDS = [
  'quick',
  'shell',
  'stream',
  'calls',
  'files',
  'function',
  'cancelled',
  'capped',
] as const;
export type TaskKind = (typeof TASK_KINDS)[number];

/** One task as its client knows it. */
export interface Asked {
  /** The client's Idempotency-Key, and the name of the task in its own text. */
  readonly name: string;
  readonly kind: TaskKind;
  /** May be begun anew after it acted. */
  readonly idempotent: boolean;
  /** Every id that a 202 named for it: one, where all is well. */
  readonly ids: readonly string[];
  readonly acceptedMs: number | undefined;
  /** What the client was told at the end; absent where it never was. */
  readonly end?: Told;
  /** What another orchestrator told afterwards. */
  readonly again?: Pick<Told, 'state' | 'code'>;
  readonly watched?: Watched;
}

export interface Told {
  readonly state: string;
  readonly code?: string;
  readonly epoch: number;
  /** Where it succeeded: what is wrong with its answer, files or calls; null where nothing is. */
  readonly wrong: string | null;
  /** How long after its client first asked for its result that was gone; absent where it was not. */
  readonly goneAfterMs?: number;
  readonly atMs: number;
}

/** What one subscriber saw, over all its connections. */
export interface Watched {
  /** In the order in which they came; each `gap` begins another list. */
  readonly ids: readonly (readonly number[])[];
  readonly ends: number;
  /** The texts of all events, joined; undefined where the kind of task says none that can be compared. */
  readonly text?: { readonly seen: string; readonly right: string };
}

/** A step of a task's row. */
export interface Step {
  readonly task: string;
  readonly state: string;
  readonly epoch: number;
  readonly atMs: number;
}

/** A container of a cage, from the engine's events. */
export interface Life {
  /** The first twelve digits of its id. */
  readonly container: string;
  readonly cage: string;
  readonly createdMs: number;
  /** Its processes are gone; absent where they still are. */
  readonly goneMs?: number;
}

/** Which attempt a cage was given. */
export interface Given {
  readonly cage: string;
  readonly task: string;
  readonly epoch: number;
  readonly atMs: number;
}

/** A model call in the provider's books. */
export interface Called {
  readonly name: string;
  /** The container that it said it came from; absent for a conversation's first call, which cannot know. */
  readonly container?: string;
  readonly arrivedMs: number;
  readonly tokens: number;
}

/** A fault that was done. */
export interface Struck {
  readonly fault: Fault;
  readonly beganMs: number;
  readonly endedMs: number;
  /** The container that it was done to. */
  readonly container?: string;
}

/** Names of what is left when everything has had its time. */
export type Left = Readonly<Record<string, readonly string[]>>;

export interface Facts {
  readonly asked: readonly Asked[];
  /** The ids of all rows, with their Idempotency-Key. */
  readonly rows: readonly { readonly id: string; readonly name: string | null }[];
  readonly steps: readonly Step[];
  readonly lives: readonly Life[];
  readonly given: readonly Given[];
  readonly calls: readonly Called[];
  readonly struck: readonly Struck[];
  readonly left: Left;
  /** How long a result is kept that was fetched. */
  readonly resultMs: number;
  /** Orchestrators that nobody killed and that ended all the same. */
  readonly crashes: readonly string[];
  readonly caps: { readonly kind: TaskKind; readonly requests: number; readonly tokens: number };
  /** Each loss of the limiter's books where the product was told to wait less than a window for it: caps are compared between them only. */
  readonly forgotMs: readonly number[];
}

export interface Breach {
  readonly check: string;
  /** A task's name, a container, a place. */
  readonly of: string;
  readonly what: string;
}
