import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { freePort } from './free-port.ts';

export interface Registry extends AsyncDisposable {
  /** `127.0.0.1:<port>`, which engines take without TLS. */
  readonly host: string;
}

/** Debian's docker-registry on loopback with an empty store; it and its store are gone when it is disposed of. */
export async function startRegistry(): Promise<Registry> {
  const host = `127.0.0.1:${await freePort()}`;
  const folder = mkdtempSync(join(tmpdir(), 'clawcage-registry-'));
  const config = {
    version: 0.1,
    storage: { filesystem: { rootdirectory: join(folder, 'store') } },
    http: { addr: host },
  };
  // JSON is YAML.
  writeFileSync(join(folder, 'config.yml'), JSON.stringify(config));
  const server = spawn('docker-registry', ['serve', join(folder, 'config.yml')], { stdio: 'ignore' });
  await once(server, 'spawn');
  while (!(await answers(host))) {
    if (server.exitCode !== null) throw new Error(`docker-registry ended with ${server.exitCode}`);
    await setTimeout(50);
  }
  return {
    host,
    async [Symbol.asyncDispose]() {
      const ended = once(server, 'exit');
      server.kill('SIGKILL');
      await ended;
      rmSync(folder, { recursive: true });
    },
  };
}

async function answers(host: string): Promise<boolean> {
  return fetch(`http://${host}/v2/`).then(
    ({ ok }) => ok,
    () => false,
  );
}
