import { createHash } from 'node:crypto';
import { lstat, mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CodedError } from '#errors/coded-error.ts';

/** Where our own Redis lives: its data, and the socket that is its only way in. */
export interface RedisPlace {
  readonly folder: string;
  readonly socket: string;
}

/** Linux takes 107 bytes for a socket's path (unix(7)); some are left for Redis' own temporary names. */
const LONGEST_SOCKET_PATH = 100;

/** Makes the folders, readable by their owner alone. A home of a long name gets its socket in the temporary folder. */
export async function makePlace(home: string): Promise<RedisPlace> {
  const folder = join(home, 'redis');
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const socket = join(folder, 'redis.sock');
  if (Buffer.byteLength(socket) <= LONGEST_SOCKET_PATH) return { folder, socket };
  const name = createHash('sha256').update(home).digest('hex').slice(0, 16);
  const short = join(tmpdir(), `clawcage-${name}`);
  await mkdir(short, { recursive: true, mode: 0o700 });
  await refuseForeign(short);
  return { folder, socket: join(short, 'redis.sock') };
}

/** Anybody may make a folder in the temporary folder before us. */
async function refuseForeign(path: string): Promise<void> {
  const { uid, mode } = await lstat(path);
  const isOurs = uid === process.getuid?.() && (mode & 0o170_777) === 0o040_700;
  if (!isOurs)
    throw new CodedError('redis_unavailable', {
      reason: `${path} is not ours: choose a shorter CLAWCAGE_HOME`,
    });
}
