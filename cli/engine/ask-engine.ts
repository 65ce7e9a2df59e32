import { request } from 'node:http';

type Env = Readonly<Record<string, string | undefined>>;

/**
 * GET of the engine's API (https://docs.docker.com/reference/api/engine/): status and JSON. `undefined` where no engine answers at
 * DOCKER_HOST, or the answer is no JSON.
 */
export function askEngine(env: Env, path: string): Promise<{ status: number; body: unknown } | undefined> {
  const target = targetOf(engineAddress(env));
  if (!target) return Promise.resolve(undefined);
  return new Promise((resolve) => {
    const asked = request({ ...target, path, timeout: 3000 }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', () => resolve(undefined));
      response.on('end', () => {
        try {
          resolve({
            status: response.statusCode ?? 0,
            body: JSON.parse(Buffer.concat(chunks).toString('utf8')),
          });
        } catch {
          resolve(undefined);
        }
      });
    });
    asked.on('timeout', () => asked.destroy());
    asked.on('error', () => resolve(undefined));
    asked.end();
  });
}

export const engineAddress = (env: Env): string => env.DOCKER_HOST || 'unix:///var/run/docker.sock';

function targetOf(dockerHost: string): { socketPath: string } | { host: string; port: string } | undefined {
  if (dockerHost.startsWith('unix://')) return { socketPath: dockerHost.slice('unix://'.length) };
  const [, host, port] = /^tcp:\/\/([^/:]+):(\d+)$/.exec(dockerHost) ?? [];
  return host !== undefined && port !== undefined ? { host, port } : undefined;
}
