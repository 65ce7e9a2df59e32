import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestRedis } from '../../support/redis.ts';

const LOG = 'appendonlydir';

/** A copy of Redis' append-only log, to be put back when the log has gone on. */
export class RedisLogCopy {
  readonly #redis: TestRedis;
  readonly #folder = mkdtempSync(join(tmpdir(), 'clawcage-chaos-log-'));

  constructor(redis: TestRedis) {
    this.#redis = redis;
  }

  take(): void {
    rmSync(join(this.#folder, LOG), { recursive: true, force: true });
    cpSync(join(this.#redis.folder, LOG), join(this.#folder, LOG), { recursive: true });
  }

  /** While Redis is down. */
  putBack(): void {
    const log = join(this.#redis.folder, LOG);
    rmSync(log, { recursive: true, force: true });
    cpSync(join(this.#folder, LOG), log, { recursive: true });
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
