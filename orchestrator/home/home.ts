import { generateKeyPairSync, randomBytes, type KeyObject } from 'node:crypto';
import { chmod, mkdir, open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { privateKeyFrom, publicKeyFrom } from '#protocol/capability.ts';

/**
 * CLAWCAGE_HOME: what one installation keeps on disk outside its database. The folder has mode 0700, every file 0600,
 * and each is made at first start and never changed after.
 */
export interface Home {
  readonly path: string;
  /** Names this installation on the engine: 10 lower-case letters and digits. */
  readonly install: string;
  readonly adminToken: string;
  /** Ed25519; signs the gate's capabilities. */
  readonly capabilityKey: { readonly privateKey: KeyObject; readonly publicPem: string };
}

export async function openHome(path: string): Promise<Home> {
  await mkdir(path, { recursive: true, mode: 0o700 });
  await chmod(path, 0o700);
  await mkdir(join(path, 'log'), { recursive: true, mode: 0o700 });
  const install = await readOrMake(join(path, 'install-id'), newInstallId);
  const adminToken = await readOrMake(
    join(path, 'admin-token'),
    () => `clw_${randomBytes(32).toString('base64url')}`,
  );
  const pem = await readOrMake(join(path, 'capability-key.pem'), newSigningKey);
  const privateKey = privateKeyFrom(pem);
  const publicPem = publicKeyFrom(pem).export({ type: 'spki', format: 'pem' }).toString();
  return { path, install, adminToken, capabilityKey: { privateKey, publicPem } };
}

/** Two processes that start at once agree on one content: the loser of the exclusive create reads the winner's. */
async function readOrMake(file: string, make: () => string): Promise<string> {
  try {
    await using handle = await open(file, 'wx', 0o600);
    const content = make();
    await handle.writeFile(`${content.trim()}\n`);
    await handle.sync();
    return content.trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    return (await readFile(file, 'utf8')).trim();
  }
}

function newInstallId(): string {
  return randomBytes(5).toString('hex');
}

function newSigningKey(): string {
  return generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
}
