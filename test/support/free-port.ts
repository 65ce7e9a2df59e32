import { once } from 'node:events';
import { createServer } from 'node:net';

/** Below those that the kernel gives to whoever asks for any port: nobody is given one of these between a stop and the next start. */
const FIRST = 20_000;
const WORKERS = 4;
const OF_A_WORKER = 3_000;
/** Files that run at the same time have ports of their own. */
const first = FIRST + (Number(process.env['VITEST_POOL_ID'] ?? 0) % WORKERS) * OF_A_WORKER;
let tried = Math.floor(Math.random() * OF_A_WORKER);

/** A port of loopback that nobody listens on now, and that nobody else is given. */
export async function freePort(): Promise<number> {
  for (;;) {
    tried = (tried + 1) % OF_A_WORKER;
    const port = first + tried;
    if (await isFree(port)) return port;
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port, '127.0.0.1');
  try {
    await once(server, 'listening');
  } catch {
    return false;
  }
  server.close();
  await once(server, 'close');
  return true;
}
