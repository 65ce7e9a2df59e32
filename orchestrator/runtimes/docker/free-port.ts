import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';

/** Below the range from which the kernel gives outgoing connections their ports, so that none of these takes it while the gate restarts. */
const LOWEST = 20_000;
const HIGHEST = 32_767;
const TRIES = 64;

/**
 * A port that nobody listens on at 127.0.0.1 now. Another may take it before it is used: the caller tries again with the next.
 * The engine's own choice would do for one start, but it chooses anew at each restart, and controllers would dial the old one.
 */
export async function freePort(random: () => number = Math.random): Promise<number> {
  for (let tried = 0; tried < TRIES; tried++) {
    const port = LOWEST + Math.floor(random() * (HIGHEST - LOWEST + 1));
    if (await isFree(port)) return port;
  }
  return anyPort();
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen({ port, host: '127.0.0.1', exclusive: true });
  try {
    await once(server, 'listening');
  } catch {
    return false;
  }
  await close(server);
  return true;
}

async function anyPort(): Promise<number> {
  const server = createServer().listen({ port: 0, host: '127.0.0.1', exclusive: true });
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await close(server);
  return port;
}

const close = (server: ReturnType<typeof createServer>): Promise<void> =>
  new Promise((resolve) => server.close(() => resolve()));
