import { CodedError } from '#errors/coded-error.ts';
import type { OutputFile } from '#protocol/api.ts';
import type { Vault } from '#vault/vault.ts';
import type { StoredFile, TaskFilesStore } from '../store/task-files-store.ts';
import type { TaskRow, TasksStore } from '../store/tasks-store.ts';

interface Parts {
  readonly tasks: TasksStore;
  readonly files: TaskFilesStore;
  readonly vault: Vault;
  readonly resultFetchedMs: number;
}

/** A file that is being fetched; `pieces` throws `result_gone` where its time is over meanwhile. */
export interface FetchedFile extends OutputFile {
  readonly pieces: AsyncIterable<Buffer>;
}

/** The files that a task left in /work/out: kept, and gone, with its result. */
export class FileService {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** By path; none while the task runs or where it did not succeed. `not_found`, `result_gone`. */
  async list(organisation: string, id: string): Promise<OutputFile[]> {
    return this.ofTask(await this.#task(organisation, id));
  }

  async ofTask(task: TaskRow): Promise<OutputFile[]> {
    if (task.state !== 'succeeded') return [];
    if (task.resultExpiresAt === null) throw new CodedError('result_gone');
    return (await this.#complete(task)).map(({ path, bytes }) => ({ path, bytes: Number(bytes) }));
  }

  /** The bytes of one file, opened piece by piece. Fetching shortens the time of the whole result. `not_found`, `result_gone`. */
  async fetch(organisation: string, id: string, path: string): Promise<FetchedFile> {
    const { tasks, resultFetchedMs } = this.#parts;
    const task = await this.#task(organisation, id);
    if (task.state === 'succeeded' && task.resultExpiresAt === null) throw new CodedError('result_gone');
    const found =
      task.state === 'succeeded'
        ? (await this.#complete(task)).find((file) => file.path === path)
        : undefined;
    if (!found) throw new CodedError('not_found', { task: id, file: path });
    await tasks.markFetched(organisation, id, new Date(Date.now() + resultFetchedMs));
    return { path, bytes: Number(found.bytes), pieces: this.#pieces(task, found) };
  }

  async *#pieces({ organisation, id: task, epoch }: TaskRow, { path, pieces }: StoredFile) {
    const { files, vault } = this.#parts;
    for (let piece = 0; piece < Number(pieces); piece += 1) {
      const stored = await files.piece(organisation, { task, epoch, path, piece });
      if (!stored) throw new CodedError('result_gone');
      const binding = { kind: 'file', organisation, task, epoch, path, piece, last: stored.last } as const;
      using bytes = await vault.openContent(binding, stored.sealed);
      yield Buffer.from(bytes.expose());
    }
  }

  async #complete({ organisation, id, epoch }: TaskRow): Promise<StoredFile[]> {
    return (await this.#parts.files.ofAttempt(organisation, id, epoch)).filter(({ complete }) => complete);
  }

  async #task(organisation: string, id: string): Promise<TaskRow> {
    const task = await this.#parts.tasks.byId(organisation, id);
    if (!task) throw new CodedError('not_found', { task: id });
    return task;
  }
}
