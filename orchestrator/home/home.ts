import { generateKeyPairSync, randomBytes, type KeyObject } from 'node:crypto';
import { chmod, mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CodedError } from '#errors/coded-error.ts';
import { privateKeyFrom, publicKeyFrom } from '#protocol/capability.ts';
import { createWhole } from './whole-file.ts';

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

const WHOLE_PEM = /^-----BEGIN PRIVATE KEY-----[\s\S]+-----END PRIVATE KEY-----$/;

/** Throws `home_damaged`, `store_full`. */
export async function openHome(path: string): Promise<Home> {
  await mkdir(path, { recursive: true, mode: 0o700 });
  await chmod(path, 0o700);
  await mkdir(join(path, 'log'), { recursive: true, mode: 0o700 });
  const install = await readOrMake(join(path, 'install-id'), newInstallId, /^[0-9a-z]{10}$/);
  const adminToken = await readOrMake(
    join(path, 'admin-token'),
    () => `clw_${randomBytes(32).toString('base64url')}`,
    /^\S{16,}$/,
  );
  const pem = await readOrMake(join(path, 'capability-key.pem'), newSigningKey, WHOLE_PEM);
  const privateKey = privateKeyFrom(pem);
  const publicPem = publicKeyFrom(pem).export({ type: 'spki', format: 'pem' }).toString();
  return { path, install, adminToken, capabilityKey: { privateKey, publicPem } };
}

/**
 * Two processes that start at once agree on one content: the loser reads the winner's. Throws `home_damaged` where the file is not whole: another content would lead to other containers, or
 * lock out who holds the token.
 */
async function readOrMake(file: string, make: () => string, form: RegExp): Promise<string> {
  const read = (): Promise<string | undefined> =>
    readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined;
      throw error;
    });
  let content = await read();
  if (content === undefined) {
    await createWhole(file, `${make().trim()}\n`);
    content = (await read()) ?? '';
  }
  const trimmed = content.trim();
  if (!form.test(trimmed)) throw new CodedError('home_damaged', { file });
  return trimmed;
}

function newInstallId(): string {
  return randomBytes(5).toString('hex');
}

function newSigningKey(): string {
  return generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
}
