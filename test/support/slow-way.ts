import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** A TCP way to a port of this machine that carries so much a second there, and back as fast as it goes. */
export interface SlowWay extends AsyncDisposable {
  readonly port: number;
  /** Where it leads to; to be set before it is used. */
  to: number;
}

const TICK_MS = 20;

/** `host`: the address to listen on. */
export async function slowWay(host: string, bytesPerSecond: number): Promise<SlowWay> {
  const sockets = new Set<Socket>();
  const way = { to: 0 };
  const server = createServer((near) => {
    const far = connect(way.to, '127.0.0.1');
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.once('close', () => {
        sockets.delete(socket);
        near.destroy();
        far.destroy();
      });
    }
    far.pipe(near);
    const most = Math.ceil((bytesPerSecond * TICK_MS) / 1000);
    const carry = setInterval(() => {
      const piece = (near.read(Math.min(most, near.readableLength)) ?? undefined) as Buffer | undefined;
      if (piece !== undefined) far.write(piece);
    }, TICK_MS);
    near.once('close', () => clearInterval(carry));
    // Reading begins once somebody listens.
    near.on('readable', () => undefined);
  }).listen(0, host);
  await once(server, 'listening');
  return Object.assign(way, {
    port: (server.address() as AddressInfo).port,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  });
}
