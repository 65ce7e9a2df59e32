import { randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';

/**
 * Which books these are: another answer means that entries may be missing. Made of the server's run id (another one after each start), the history that it went on from (another one
 * once a replica was promoted, while `master_replid` also changes with the first replica; https://redis.io/docs/latest/operate/oss_and_stack/management/replication/), a name that lies in the books themselves, which a wipe takes along with
 * them, and how many keys the server has thrown out. Rejects where no books can be kept: with `READONLY`, as a write would, of a replica, which may be behind until it is promoted; and as checkMemory does.
 */
export async function readIdentity(redis: Redis, booksKey: string): Promise<string> {
  const [server, replication, memory, stats] = await Promise.all([
    redis.info('server'),
    redis.info('replication'),
    redis.info('memory'),
    redis.info('stats'),
  ]);
  if (/^role:slave/m.test(replication))
    throw new Error("READONLY You can't write against a read only replica.");
  checkMemory(memory);
  const runId = /^run_id:(\w+)/m.exec(server)?.[1];
  const history = /^master_replid2:(\w+)/m.exec(replication)?.[1];
  const thrownOut = /^evicted_keys:(\d+)/m.exec(stats)?.[1] ?? '0';
  if (runId === undefined || history === undefined) throw new Error('Redis does not tell its run id');
  return [runId, history, await nameOf(redis, booksKey), thrownOut].join('.');
}

/**
 * Throws `EVICTS` of a Redis that may throw keys out when its memory is full, since nobody would see that entries are missing, and `OOM`, as a write would, of one whose
 * memory is full. https://redis.io/docs/latest/develop/reference/eviction/
 */
function checkMemory(info: string): void {
  const [most = 0, used = 0, beside = 0] = ['maxmemory', 'used_memory', 'mem_not_counted_for_evict'].map(
    (field) => Number(new RegExp(`^${field}:(\\d+)`, 'm').exec(info)?.[1] ?? 0),
  );
  if (most === 0) return;
  if (!/^maxmemory_policy:noeviction\s/m.test(info)) throw new Error('EVICTS keys where its memory is full.');
  if (used - beside > most) throw new Error("OOM command not allowed when used memory > 'maxmemory'.");
}

/** Without a name they are new, or were wiped: they get one, and whoever knew another sees it. */
async function nameOf(redis: Redis, booksKey: string): Promise<string> {
  const name = await redis.get(booksKey);
  if (name !== null) return name;
  await redis.set(booksKey, randomUUID(), 'NX');
  return (await redis.get(booksKey)) ?? '';
}

/** Whether what was written down once names these books; earlier releases wrote the run id alone. */
export const isSameBooks = (written: string, identity: string): boolean =>
  written === identity || identity.startsWith(`${written}.`);
