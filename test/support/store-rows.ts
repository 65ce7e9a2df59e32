import { clawDefaults } from '#protocol/api.ts';
import { randomBytes } from 'node:crypto';
import type { Store } from '../../orchestrator/store/store.ts';
import type { TaskRow } from '../../orchestrator/store/tasks-store.ts';

/** Rows for tests: each call makes an organisation of its own, so that tests share a database without meeting. */
export async function newTenant(store: Store) {
  const { id: organisation } = await store.organisations.create(`test-${randomBytes(6).toString('hex')}`);
  const addKey = (name = 'main') =>
    store.keys.create({
      id: store.keys.newId(),
      organisation,
      name,
      provider: 'openai',
      baseUrl: 'https://api.openai.com/v1',
      ca: null,
      record: Buffer.from('sealed'),
      masked: 'sk-…x7Qd',
      verifiedAt: null,
    });
  const key = await addKey();
  const addClaw = (name: string) =>
    store.claws.create({
      organisation,
      name,
      ...clawDefaults.parse({ model: 'gpt-test', key: 'none', tokensPerMinute: 1000, timeoutMs: 60_000 }),
      key: key.id,
    });
  const claw = await addClaw('worker');
  const addTask = async (idempotency?: { idempotencyKey: string; idempotencyHash: string }, of = claw.id) =>
    store.tasks.create({
      id: store.tasks.newId(),
      organisation,
      claw: of,
      sealedInput: Buffer.from([0, 1, 254, 255]),
      timeoutMs: 60_000,
      ...idempotency,
    });
  /** One that lives, as far as the database knows. */
  const orchestrator = async (): Promise<string> => {
    const id = store.orchestrators.newId();
    await store.orchestrators.register({ id, machine: 'test', pid: 1, version: '0' });
    return id;
  };
  const holder = await orchestrator();
  /** A task as it is now: what moves it goes by that. */
  const seen = async (id: string): Promise<TaskRow> => (await store.tasks.byId(organisation, id))!;
  const begin = async (id: string, by = holder) => store.tasks.takeEpoch(await seen(id), by);
  const addCage = (claimable: string | null = claw.id, by = holder) =>
    store.cages.insert({
      holder: by,
      id: store.cages.newId(),
      organisation,
      claw: claimable,
      purpose: claimable === null ? 'verify' : 'task',
      linkSecretRecord: Buffer.from('sealed'),
    });
  return { organisation, key, claw, holder, orchestrator, seen, begin, addKey, addClaw, addTask, addCage };
}

export type Tenant = Awaited<ReturnType<typeof newTenant>>;
