import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { chown, mkdtemp, readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import pg from 'pg';

const run = promisify(execFile);
const USER = 'clawcage';

/** A real PostgreSQL of the machine's packages, in a folder of its own, on a Unix socket, gone at the end. */
export class TestPostgres implements AsyncDisposable {
  readonly #dir: string;
  readonly #bin: string;
  readonly #as: { uid?: number; gid?: number };
  #server: ChildProcess | undefined;

  private constructor(dir: string, bin: string, as: { uid?: number; gid?: number }) {
    this.#dir = dir;
    this.#bin = bin;
    this.#as = as;
  }

  static async start(): Promise<TestPostgres> {
    const dir = await mkdtemp('/tmp/clawcage-pg-');
    const as = await serverUser();
    if (as.uid !== undefined && as.gid !== undefined) await chown(dir, as.uid, as.gid);
    const postgres = new TestPostgres(dir, await newestBin(), as);
    const settings = ['-A', 'trust', '-U', USER, '-E', 'UTF8', '--locale=C.UTF-8', '--no-sync'];
    await run(path.join(postgres.#bin, 'initdb'), ['-D', postgres.#data, ...settings], { ...as, cwd: dir });
    await postgres.resume();
    return postgres;
  }

  /** A new, empty database: its URL. */
  async newDatabase(): Promise<string> {
    const name = `test_${randomBytes(6).toString('hex')}`;
    await this.query(this.url('postgres'), `create database ${name}`);
    return this.url(name);
  }

  url(database: string): string {
    return `postgres://${USER}@localhost/${database}?host=${encodeURIComponent(this.#dir)}`;
  }

  /** As after a crash of the machine: no goodbye to anybody. */
  async kill(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    this.#server = undefined;
    const gone = once(server, 'exit');
    server.kill('SIGQUIT');
    await gone;
  }

  /** Every process of it stops where it is, until `wake`: connections stay open, and nobody answers. */
  pause(): void {
    for (const pid of this.#pids()) process.kill(pid, 'SIGSTOP');
  }

  wake(): void {
    for (const pid of this.#pids()) process.kill(pid, 'SIGCONT');
  }

  /** The server's own process and its children, which it makes one a connection. */
  #pids(): number[] {
    const server = this.#server?.pid;
    if (server === undefined) return [];
    const children = readFileSync(`/proc/${server}/task/${server}/children`, 'utf8');
    return [server, ...children.split(' ').filter(Boolean).map(Number)];
  }

  /** Starts it, or starts it again. */
  async resume(): Promise<void> {
    this.#server = spawn(
      path.join(this.#bin, 'postgres'),
      [
        '-D',
        this.#data,
        '-k',
        this.#dir,
        '-c',
        'listen_addresses=',
        '-c',
        'fsync=off',
        '-c',
        'shared_buffers=16MB',
      ],
      { ...this.#as, cwd: this.#dir, stdio: 'ignore' },
    );
    await this.#answers(performance.now() + 20_000);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await rm(this.#dir, { recursive: true, force: true });
  }

  async #answers(untilMs: number): Promise<void> {
    for (;;) {
      try {
        return await this.query(this.url('postgres'), 'select 1');
      } catch (error) {
        if (performance.now() > untilMs) throw error;
        await pause(50);
      }
    }
  }

  get #data(): string {
    return path.join(this.#dir, 'data');
  }

  /** Straight to the database, past the store: for what only time or an administrator does. */
  async query(url: string, sql: string): Promise<void> {
    await this.rows(url, sql);
  }

  /** As `query`, with what it answers. */
  async rows<T>(url: string, sql: string, values: readonly unknown[] = []): Promise<T[]> {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    try {
      const { rows } = await client.query(sql, [...values]);
      return rows as T[];
    } finally {
      await client.end();
    }
  }
}

async function newestBin(): Promise<string> {
  const root = '/usr/lib/postgresql';
  const versions = (await readdir(root)).map(Number).filter(Number.isFinite);
  return path.join(root, String(Math.max(...versions)), 'bin');
}

/** PostgreSQL refuses to run as root: then the user of Debian's package does. */
async function serverUser(): Promise<{ uid?: number; gid?: number }> {
  if (process.getuid?.() !== 0) return {};
  const [uid, gid] = await Promise.all(
    ['-u', '-g'].map(async (flag) => Number((await run('id', [flag, 'postgres'])).stdout)),
  );
  return { uid: uid!, gid: gid! };
}
