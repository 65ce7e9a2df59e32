import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CodedError } from '#errors/coded-error.ts';
import type { CagePaths } from '../paths.ts';

/** Where images keep the certificate authorities of the system: Debian and Alpine, Fedora, openSUSE. */
const SYSTEM_CAS = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/ca-bundle.pem',
];

export interface RunFiles {
  readonly taskFile: string;
  /** The system's certificate authorities and the Claw's; undefined where the Claw has none of its own. */
  readonly caFile: string | undefined;
}

/** Writes what an agent may read of its task as files. Errors: `request_too_large` where they do not fit. */
export async function writeRunFiles(
  paths: CagePaths,
  task: string,
  ca: string | undefined,
): Promise<RunFiles> {
  const taskFile = join(paths.run, 'task.json');
  const caFile = ca === undefined ? undefined : join(paths.run, 'ca.pem');
  try {
    await mkdir(paths.run, { recursive: true, mode: 0o700 });
    await write(taskFile, task);
    if (caFile !== undefined) await write(caFile, `${await systemCas()}\n${ca}\n`);
  } catch (error) {
    throw new CodedError('request_too_large', {
      reason: `The task could not be written into the cage (${(error as NodeJS.ErrnoException).code}).`,
    });
  }
  return { taskFile, caFile };
}

async function write(file: string, content: string): Promise<void> {
  await writeFile(file, content, { mode: 0o600 });
  await chmod(file, 0o400);
}

async function systemCas(): Promise<string> {
  for (const file of SYSTEM_CAS) {
    const content = await readFile(file, 'utf8').catch(() => undefined);
    if (content !== undefined) return content;
  }
  return '';
}
