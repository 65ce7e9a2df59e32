import type { IncomingMessage } from 'node:http';
import type Docker from 'dockerode';
import type { Readable } from 'node:stream';
import type { Engine } from '../engine.ts';
import { engineStatus } from '../errors.ts';

/** Go's os.FileMode, in which the engine tells what a path is: https://pkg.go.dev/io/fs#FileMode */
const FOLDER_BIT = 2 ** 31;
const OTHER_KIND_BITS = [2 ** 27, 2 ** 26, 2 ** 25, 2 ** 24, 2 ** 21, 2 ** 19];

export type PathKind = 'folder' | 'file' | 'other';

/** The files of a container that need not run. */
export class ContainerFiles {
  readonly #engine: Engine;
  readonly #id: string;

  constructor(engine: Engine, id: string) {
    this.#engine = engine;
    this.#id = id;
  }

  /** What lies at `path`, a link at its end not followed; undefined where there is nothing. */
  async kind(path: string, signal: AbortSignal | undefined): Promise<PathKind | undefined> {
    const told = await this.#engine.act('look', signal, async (docker, abortSignal) => {
      try {
        const answer = await this.#container(docker).infoArchive({ path, abortSignal } as { path: string });
        // Without a body, and yet a stream: its connection is held until it was read.
        return (answer.resume() as IncomingMessage).headers['x-docker-container-path-stat'] as string;
      } catch (error) {
        if (engineStatus(error) === 404) return undefined;
        throw error;
      }
    });
    if (told === undefined) return undefined;
    const { mode } = JSON.parse(Buffer.from(told, 'base64').toString()) as { mode: number };
    const has = (bit: number): boolean => Math.floor(mode / bit) % 2 === 1;
    if (has(FOLDER_BIT)) return 'folder';
    return OTHER_KIND_BITS.some(has) ? 'other' : 'file';
  }

  /** Hands a tar archive of `path` to `use`, under the name of its last part. */
  read<T>(path: string, signal: AbortSignal | undefined, use: (archive: Readable) => Promise<T>): Promise<T> {
    return this.#engine.act('read', signal, async (docker, abortSignal) => {
      const archive = await this.#container(docker).getArchive({ path, abortSignal } as { path: string });
      return use(archive as Readable);
    });
  }

  /** Unpacks a tar archive into the folder `path`. */
  write(path: string, archive: Buffer | Readable, signal: AbortSignal | undefined): Promise<void> {
    return this.#engine.act('write', signal, async (docker, abortSignal) => {
      const options = { path, noOverwriteDirNonDir: 1, abortSignal } as unknown as { path: string };
      await this.#container(docker).putArchive(archive, options);
    });
  }

  #container(docker: Docker): Docker.Container {
    return docker.getContainer(this.#id);
  }
}
