import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from '../../test/support/free-port.ts';

const LITELLM = '1.106.2';
const PORTKEY = '1.15.2';
const FOLDER = fileURLToPath(new URL('../../build/bench', import.meta.url));
const READY_MS = 120_000;

/** A gateway that others offer, in front of the same provider. */
export interface Peer extends AsyncDisposable {
  readonly name: string;
  readonly baseUrl: string;
  readonly key: string;
  readonly headers: Record<string, string>;
}

interface Behind {
  /** Base URL with `/v1`. */
  readonly url: string;
  readonly key: string;
  readonly caFile: string;
}

/** LiteLLM's proxy of PyPI, one worker, without a database: it holds no caps then. */
export async function startLiteLlm(provider: Behind): Promise<Peer> {
  const folder = join(FOLDER, `litellm-${LITELLM}`);
  if (!existsSync(join(folder, 'bin/litellm'))) {
    execFileSync('python3', ['-m', 'venv', folder]);
    execFileSync(join(folder, 'bin/pip'), ['install', '-q', `litellm[proxy]==${LITELLM}`]);
  }
  const port = await freePort();
  const config = join(folder, `config-${port}.json`);
  writeFileSync(
    config,
    JSON.stringify({
      model_list: [
        {
          model_name: 'gpt-4o',
          litellm_params: { model: 'openai/gpt-4o', api_base: provider.url, api_key: provider.key },
        },
      ],
      general_settings: { master_key: 'sk-bench' },
      litellm_settings: { telemetry: false },
    }),
    { mode: 0o600 },
  );
  const child = spawn(join(folder, 'bin/litellm'), ['--config', config, '--port', String(port)], {
    env: {
      PATH: process.env.PATH,
      HOME: folder,
      SSL_CERT_FILE: provider.caFile,
      LITELLM_LOCAL_MODEL_COST_MAP: 'True',
    },
    stdio: 'ignore',
  });
  const peer = { name: `LiteLLM ${LITELLM}`, baseUrl: `http://127.0.0.1:${port}/v1`, key: 'sk-bench' };
  return up({ ...peer, headers: {} }, child, `http://127.0.0.1:${port}/health/liveliness`);
}

/** Portkey's gateway of npm, as its README starts it. */
export async function startPortkey(provider: Behind): Promise<Peer> {
  const folder = join(FOLDER, `portkey-${PORTKEY}`);
  const entry = join(folder, 'node_modules/@portkey-ai/gateway/build/start-server.js');
  if (!existsSync(entry)) {
    mkdirSync(folder, { recursive: true });
    execFileSync(
      'npm',
      [
        'install',
        '--prefix',
        folder,
        '--no-audit',
        '--no-fund',
        '--silent',
        `@portkey-ai/gateway@${PORTKEY}`,
      ],
      { stdio: 'ignore' },
    );
  }
  const port = await freePort();
  const host = new URL(provider.url).host;
  const child = spawn(process.execPath, [entry, `--port=${port}`, '--headless'], {
    env: {
      PATH: process.env.PATH,
      NODE_EXTRA_CA_CERTS: provider.caFile,
      TRUSTED_CUSTOM_HOSTS: host.split(':')[0],
    },
    stdio: 'ignore',
  });
  const headers = { 'x-portkey-provider': 'openai', 'x-portkey-custom-host': provider.url };
  const peer = { name: `Portkey ${PORTKEY}`, baseUrl: `http://127.0.0.1:${port}/v1`, key: provider.key };
  return up({ ...peer, headers }, child, `http://127.0.0.1:${port}/`);
}

async function up(
  peer: Omit<Peer, typeof Symbol.asyncDispose>,
  child: ChildProcess,
  url: string,
): Promise<Peer> {
  const end = Date.now() + READY_MS;
  while (!(await fetch(url).catch(() => undefined))) {
    if (child.exitCode !== null || Date.now() > end) throw new Error(`${peer.name} did not start.`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  return {
    ...peer,
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null) return;
      child.kill('SIGTERM');
      const killer = setTimeout(() => child.kill('SIGKILL'), 5_000);
      await once(child, 'exit');
      clearTimeout(killer);
    },
  };
}
