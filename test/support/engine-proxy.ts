import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { createServer, connect, type Server, type Socket } from 'node:net';
import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const ENGINE = '/var/run/docker.sock';

/**
 * What becomes of a request: the engine gets it and its answer never comes (`swallow`) or breaks off (`cut`); the engine never gets it and the connection breaks (`drop`); the
 * connection breaks at once, and the engine gets it a moment later (`late`).
 */
export type Break = 'swallow' | 'cut' | 'drop' | 'late';

const LATE_MS = 300;

/** Stands between a runtime and the real engine, and breaks what passes, so that the engine itself is left in peace. */
export class EngineProxy implements AsyncDisposable {
  readonly socketPath = join(tmpdir(), `engine-${randomBytes(5).toString('hex')}.sock`);
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;
  #breakOn: { path: RegExp; how: Break } | undefined;
  #refuse: { path: RegExp; message: string } | undefined;

  async up(): Promise<this> {
    this.#server = createServer((client) => this.#serve(client)).listen(this.socketPath);
    await once(this.#server, 'listening');
    return this;
  }

  /** Like an engine that stops: no new connections, and the open ones end. */
  async down(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (!server) return;
    server.close();
    this.cut();
    await rm(this.socketPath, { force: true });
  }

  /** Breaks the open connections; new ones are taken. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Breaks the next request whose first line matches. */
  breakNext(path: RegExp, how: Break): void {
    this.#breakOn = { path, how };
  }

  /** Answers every request whose first line matches with a 500 of that message, as long as the result is not disposed of. */
  refuse(path: RegExp, message: string): Disposable {
    this.#refuse = { path, message };
    return { [Symbol.dispose]: () => (this.#refuse = undefined) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.down();
  }

  #serve(client: Socket): void {
    const engine = connect({ path: ENGINE, allowHalfOpen: true });
    client.allowHalfOpen = true;
    let broken: Break | undefined;
    client.on('data', (chunk) => {
      if (this.#refuse?.path.test(chunk.toString('latin1').split('\r\n', 1)[0] ?? '')) {
        const body = JSON.stringify({ message: this.#refuse.message });
        client.end(
          `HTTP/1.1 500 Internal Server Error\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
        );
        return;
      }
      if (this.#breakOn?.path.test(chunk.toString('latin1').split('\r\n', 1)[0] ?? '')) {
        broken = this.#breakOn.how;
        this.#breakOn = undefined;
      }
      if (broken === 'drop' || broken === 'late') client.destroy();
      if (broken === 'late') setTimeout(() => engine.write(chunk), LATE_MS);
      else if (broken !== 'drop') engine.write(chunk);
    });
    engine.on('data', (chunk) => {
      if (broken === undefined) client.write(chunk);
      if (broken === 'cut') client.destroy();
    });
    client.on('end', () => engine.end());
    engine.on('end', () => client.end());
    for (const [one, other] of [
      [client, engine],
      [engine, client],
    ] as const) {
      this.#sockets.add(one);
      one.on('error', () => other.destroy());
      one.on('close', () => {
        this.#sockets.delete(one);
        if (broken !== 'late' || one === engine) other.destroy();
      });
    }
  }
}
