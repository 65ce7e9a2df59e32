import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type NetConnectOpts, type Socket } from 'node:net';

/** Stands between two ends of a connection on loopback: lets it through, late where told to, until it is cut. */
export class SocketProxy implements AsyncDisposable {
  /** How long each piece is held back, in either direction. */
  delayMs = 0;
  readonly #target: NetConnectOpts;
  readonly #sockets = new Set<Socket>();
  readonly #server = createServer((client) => this.#serve(client));

  private constructor(target: NetConnectOpts) {
    this.#target = target;
  }

  static async to(target: NetConnectOpts): Promise<SocketProxy> {
    const proxy = new SocketProxy(target);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** What is open breaks, and nobody gets through any more. */
  async cut(): Promise<void> {
    if (!this.#server.listening) return;
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  [Symbol.asyncDispose] = (): Promise<void> => this.cut();

  #serve(client: Socket): void {
    const target = connect(this.#target);
    for (const socket of [client, target]) {
      this.#sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        client.destroy();
        target.destroy();
        this.#sockets.delete(socket);
      });
    }
    this.#carry(client, target);
    this.#carry(target, client);
  }

  /** In order, also where the delay has changed. */
  #carry(from: Socket, to: Socket): void {
    let before = Promise.resolve();
    from.on('data', (piece) => {
      const due = new Promise<void>((resolve) => setTimeout(resolve, this.delayMs));
      before = Promise.all([before, due]).then(() => void to.write(piece));
    });
  }
}
