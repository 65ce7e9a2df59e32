import type { Principal } from '#access/decide.ts';
import type { StatusReply, UsageReply } from '#protocol/api.ts';
import { clawNamed } from '../claws/claw-named.ts';
import { clawView } from '../claws/claw-service.ts';
import type { Limiter } from '../limiter/limiter.ts';
import type { ClawRow } from '../store/claws-store.ts';
import type { Store } from '../store/store.ts';
import { taskView } from '../tasks/task-view.ts';
import type { Readiness } from './readiness.ts';

interface Parts {
  readonly store: Store;
  readonly limiter: Limiter;
  readonly readiness: Readiness;
  readonly install: string;
  readonly version: string;
}

const DAY_MS = 24 * 3600_000;
const RECENT_TASKS = 20;

/** Counts for people: usage and the state of the caps of a Claw, and the whole on one page. */
export class StatusService {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  async ofClaw(organisation: string, name: string, sinceMs: number): Promise<UsageReply> {
    const { store } = this.#parts;
    const claw = await clawNamed(store.claws, organisation, name);
    const since = new Date(sinceMs);
    const usage = await store.ledger.ofClaw(organisation, claw.id, since);
    return { claw: name, since: since.toISOString(), usage, caps: await this.#caps(claw) };
  }

  async report({ organisation }: Principal): Promise<StatusReply> {
    const { store, readiness, install, version } = this.#parts;
    const { ready, parts } = await readiness.check();
    const keys = new Map((await store.keys.list(organisation)).map((key) => [key.id, key.name]));
    const claws = await store.claws.list(organisation);
    const names = new Map(claws.map((claw) => [claw.id, claw.name]));
    const recent = await store.tasks.list(organisation, { limit: RECENT_TASKS });
    return {
      ready,
      version,
      install,
      parts,
      claws: await Promise.all(claws.map((claw) => this.#claw(claw, keys.get(claw.key) ?? claw.key))),
      tasks: recent.items.map((task) => taskView(task, names.get(task.claw) ?? task.claw)),
      cages: (await store.cages.list(organisation)).map(({ id, claw, task, state }) => ({
        cageId: id,
        claw: claw === null ? null : (names.get(claw) ?? claw),
        task,
        state,
      })),
    };
  }

  async #claw(claw: ClawRow, key: string): Promise<StatusReply['claws'][number]> {
    const { store } = this.#parts;
    const states = await store.tasks.byState(claw.organisation, claw.id);
    return {
      claw: clawView(claw, key),
      caps: await this.#caps(claw),
      usage24h: await store.ledger.ofClaw(claw.organisation, claw.id, new Date(Date.now() - DAY_MS)),
      running: (states.starting ?? 0) + (states.running ?? 0),
      queued: states.queued ?? 0,
    };
  }

  /** What is counted against the caps now; zeros while the limiter cannot be asked. */
  async #caps(claw: ClawRow): Promise<UsageReply['caps']> {
    const window = await this.#parts.limiter
      .window(claw.organisation, 'claw', claw.id)
      .catch(() => ({ requests: 0, tokens: 0 }));
    return {
      requests: { used: window.requests, limit: claw.requestsPerMinute },
      tokens: { used: window.tokens, limit: claw.tokensPerMinute },
    };
  }
}
