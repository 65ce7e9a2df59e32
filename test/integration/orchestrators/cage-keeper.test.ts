import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { CodedError } from '#errors/coded-error.ts';
import { Vault } from '#vault/vault.ts';
import { CageKeeper } from '../../../orchestrator/launch/cage-keeper.ts';
import { WarmSpares } from '../../../orchestrator/launch/warm-spares.ts';
import { FakeEngine } from '../../../orchestrator/runtimes/fake/engine.ts';
import { FakeRuntime } from '../../../orchestrator/runtimes/fake/index.ts';
import { MemoryKeks, MemoryShreddingKeys } from '../../support/memory-keys.ts';
import { pgliteStore } from '../../support/pglite-store.ts';
import { newTenant, type Tenant } from '../../support/store-rows.ts';
import { until } from '../../support/service.ts';

const log = { info: () => undefined, warn: () => undefined } as never;

let opened: Awaited<ReturnType<typeof pgliteStore>>;
let tenant: Tenant;
let engine: FakeEngine;
const vault = new Vault({ keks: new MemoryKeks(), shredding: new MemoryShreddingKeys() });
const opening: Promise<unknown>[] = [];
beforeAll(async () => {
  opened = await pgliteStore();
});
afterAll(() => opened.close());
beforeEach(async () => {
  tenant = await newTenant(opened.store);
  engine = new FakeEngine();
});
afterEach(() => Promise.allSettled(opening.splice(0)));

/** An orchestrator's keeper; all share the engine and the rows. `confirm` is what its lease says. */
async function keeperOf(id: string, confirm: () => Promise<void> = async () => undefined) {
  const runtime = new FakeRuntime({ engine });
  await runtime.prepare();
  const keeper = new CageKeeper({
    runtime,
    cages: opened.store.cages,
    places: opened.store.places,
    lease: { id, confirm },
    vault,
    capabilities: { link: () => 'l', controller: () => 'c' } as never,
    image: 'fake',
    orphanMs: 1000,
    pulseMs: 1000,
    maxCages: 10,
    room: { timed: (start) => start(), failed: () => undefined },
    onPlace: () => undefined,
    onLinkLost: () => undefined,
    log,
  });
  return { keeper, runtime };
}

function sparesOf(keeper: CageKeeper): WarmSpares {
  const { cages, claws, organisations } = opened.store;
  return new WarmSpares({ keeper, cages, claws, organisations, room: {} as never, perClaw: 1, log });
}

const owner = () => ({ organisation: tenant.organisation, claw: tenant.claw.id });
const containers = () => engine.containers.size;
const rows = () => opened.store.cages.list(tenant.organisation);
const lost = new CodedError('lease_lost');

describe('a cage', () => {
  it('is not made by an orchestrator that has lost its lease; its row is left to whoever takes over', async () => {
    const { keeper } = await keeperOf(tenant.holder, () => Promise.reject(lost));
    await expect(keeper.open(owner(), 'task')).rejects.toBe(lost);
    expect(containers()).toBe(0);
    expect(await rows()).toMatchObject([{ state: 'creating', holder: tenant.holder }]);
  });

  it('that was made while its row went is taken away again', async () => {
    const { keeper, runtime } = await keeperOf(tenant.holder);
    let made = 0;
    const create = runtime.create.bind(runtime);
    runtime.create = async (...given) => {
      const cage = await create(...given);
      made += 1;
      const [row] = await rows();
      await opened.store.cages.delete(tenant.organisation, row!.id);
      return cage;
    };
    await expect(keeper.open(owner(), 'task')).rejects.toMatchObject({ code: 'lease_lost' });
    expect([made, containers()]).toEqual([1, 0]);
  });

  it('is ended by who holds it or after that one is gone, and its container is touched by nobody else', async () => {
    const first = await tenant.orchestrator();
    const { keeper } = await keeperOf(first);
    const open = keeper.open(owner(), 'task');
    opening.push(open);
    await until(async () => containers() === 1, 'its container');
    const { id } = (await rows())[0]!;
    const { keeper: other } = await keeperOf(tenant.holder);
    expect(await other.end(tenant.organisation, id)).toBe(false);
    expect(containers()).toBe(1);
    await opened.store.orchestrators.leave(first);
    expect(await other.end(tenant.organisation, id)).toBe(true);
    expect([containers(), (await rows()).length]).toEqual([0, 0]);
    await keeper.release();
    await expect(open).rejects.toMatchObject({ code: 'lease_lost' });
  });

  it('that waits for a task may be retired by any of them', async () => {
    const first = await tenant.orchestrator();
    const { id } = await tenant.addCage(tenant.claw.id, first);
    const { keeper: other } = await keeperOf(tenant.holder);
    expect(await other.retire(tenant.organisation, id)).toBe(false);
    await opened.store.cages.ready(tenant.organisation, id, first);
    expect(await other.retire(tenant.organisation, id)).toBe(true);
    expect(await rows()).toEqual([]);
  });

  it('that waits ends where its organisation may have fewer now: as many as are too many, also where two find that at once', async () => {
    const { organisation, claw, holder } = tenant;
    const { store } = opened;
    const first = await tenant.orchestrator();
    await tenant.addCage();
    for (const by of [first, holder, first, holder]) {
      const { id } = await tenant.addCage(claw.id, by);
      await store.cages.ready(organisation, id, by);
    }
    await store.organisations.setCaps(organisation, { maxCages: 3 });
    const [one, other] = [await keeperOf(first), await keeperOf(holder)];
    const engineIsSlow = Promise.withResolvers<void>();
    one.runtime.destroy = () => engineIsSlow.promise;
    const ends = sparesOf(one.keeper).endAbove(organisation);
    await until(async () => (await rows()).some(({ state }) => state === 'ending'), 'the first to end');
    await sparesOf(other.keeper).endAbove(organisation);
    engineIsSlow.resolve();
    await ends;
    expect((await rows()).map(({ state }) => state)).toEqual(['creating', 'warm', 'warm']);
  });

  it('whose container ends while its first word is waited for is given up at once', async () => {
    const { keeper } = await keeperOf(tenant.holder);
    const open = keeper.open(owner(), 'task');
    opening.push(open);
    await until(async () => containers() === 1, 'its container');
    const { id } = (await rows())[0]!;
    expect(keeper.died(id, new CodedError('cage_died'))).toBe(true);
    await expect(open).rejects.toMatchObject({ code: 'cage_died' });
    expect([containers(), (await rows()).length]).toEqual([0, 0]);
  });
});
