import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** The wire between the gate and the simulator: it can be cut (refused, reset), or fall silent (taken, and nothing comes). */
export class Wire implements AsyncDisposable {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #state: 'whole' | 'cut' | 'silent' = 'whole';

  private constructor(target: number) {
    this.#server = createServer({ pauseOnConnect: true }, (near) => {
      this.#keep(near);
      if (this.#state === 'cut') {
        near.resetAndDestroy();
        return;
      }
      const far = this.#keep(connect(target, '127.0.0.1'));
      near.on('close', () => far.destroy());
      far.on('close', () => near.destroy());
      near.on('data', (data) => far.write(data));
      far.on('data', (data) => near.write(data));
      if (this.#state === 'whole') near.resume();
      else far.pause();
    });
  }

  static async to(target: number, host: string): Promise<Wire> {
    const wire = new Wire(target);
    wire.#server.listen(0, host);
    await once(wire.#server, 'listening');
    return wire;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  cut(): void {
    this.#state = 'cut';
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  fallSilent(): void {
    this.#state = 'silent';
    for (const socket of this.#sockets) socket.pause();
  }

  mend(): void {
    this.#state = 'whole';
    for (const socket of this.#sockets) socket.resume();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.cut();
    await closed;
  }

  #keep(socket: Socket): Socket {
    this.#sockets.add(socket);
    socket.on('error', () => undefined);
    socket.once('close', () => this.#sockets.delete(socket));
    return socket;
  }
}
