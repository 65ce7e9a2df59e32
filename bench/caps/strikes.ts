import Docker from 'dockerode';
import { Chance } from '../../test/chaos/chance.ts';
import { strikeCage } from '../../test/chaos/world/strike-cage.ts';
import type { TestOrchestrators } from '../../test/support/orchestrators.ts';
import type { Claws } from './claws.ts';
import { monotonicMs, type CapHistory } from './history.ts';
import type { Overruns } from './overruns.ts';
import { CALM_PART, CHANGES, CLAWS, type Change } from './scenario.ts';

const later = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, Math.max(0, ms)));
/** One thing is struck each time. */
const EVERY_MS = 12_000;
const DOWN_MS = 2_000;

/** What is done to the run: caps that change by the API, orchestrators and meters that are killed. */
export class Strikes {
  readonly #all: TestOrchestrators;
  readonly #claws: Claws;
  readonly #caps: CapHistory;
  readonly #overruns: Overruns;
  readonly #chance: Chance;
  readonly #docker = new Docker();
  readonly done = { orchestrators: 0, meters: 0, changes: 0 };

  constructor(parts: {
    all: TestOrchestrators;
    claws: Claws;
    caps: CapHistory;
    overruns: Overruns;
    seed: number;
  }) {
    this.#all = parts.all;
    this.#claws = parts.claws;
    this.#caps = parts.caps;
    this.#overruns = parts.overruns;
    this.#chance = new Chance(parts.seed);
  }

  async run(beganMs: number, untilMs: number): Promise<void> {
    const lengthMs = untilMs - beganMs;
    const at = (part: number): number => beganMs + part * lengthMs;
    const changes = CHANGES.map(async (change) => {
      await later(at(change.at) - Date.now());
      await this.#change(change);
    });
    const kills = async (): Promise<void> => {
      await later(at(CALM_PART) - Date.now());
      for (let turn = 0; Date.now() < untilMs - EVERY_MS; turn++) {
        await (turn % 2 === 0 ? this.#killOrchestrator() : this.#killMeter());
        await later(EVERY_MS);
      }
    };
    await Promise.all([...changes, kills()]);
  }

  async #change(change: Change): Promise<void> {
    const { level, name, limit, cap } = change;
    const path = { claw: `/claws/${name}`, key: `/keys/${name}`, organisation: '/limits' }[level];
    const askedMs = monotonicMs();
    await this.#claws.ask('PATCH', `/api/v1${path}`, { [`${limit}PerMinute`]: cap });
    this.#caps.changed(change, askedMs);
    this.done.changes += 1;
  }

  async #killOrchestrator(): Promise<void> {
    const at = this.#chance.whole(0, 2);
    await this.#overruns.readOf(at);
    await this.#all.kill(at);
    await later(DOWN_MS);
    await this.#all.up(at);
    this.done.orchestrators += 1;
  }

  /** Of a Claw whose use of its cap is not what is measured. */
  async #killMeter(): Promise<void> {
    const name = this.#chance.of(CLAWS.filter(({ habit }) => habit !== 'steady')).name;
    const [cage] = await this.#all.rows<{ id: string }>(
      `select cages.id from cages join claws on claws.id = cages.claw_id where claws.name = $1 and cages.task_id is not null`,
      [name],
    );
    if (!cage) return;
    const [container] = await this.#docker.listContainers({
      filters: { label: [`clawcage.cage=${cage.id}`] },
    });
    if (container && (await strikeCage(this.#docker, container.Id, 'meter', 'KILL').catch(() => false)))
      this.done.meters += 1;
  }
}
