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
    // By the time that has passed: a timer that is late makes the way no slower.
    let most = 0;
    let sinceMs = performance.now();
    const carry = setInterval(() => {
      const nowMs = performance.now();
      most = near.readableLength === 0 ? 0 : most + (bytesPerSecond * (nowMs - sinceMs)) / 1000;
      sinceMs = nowMs;
      const piece = near.read(Math.min(Math.floor(most), near.readableLength)) as Buffer | null;
      if (piece === null) return;
      most -= piece.length;
      far.write(piece);
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
