import { request } from 'node:http';
import { networkInterfaces } from 'node:os';
import { z } from 'zod';

const network = z.looseObject({
  IPAM: z.looseObject({ Config: z.array(z.looseObject({ Gateway: z.string().optional() })).nullish() }),
});

/**
 * The address of this machine on the engine's default bridge, which is what `host.docker.internal` means inside the gate on Linux.
 * `undefined` where the engine does not tell, or the address is not this machine's (an engine in a virtual machine, which leads
 * `host.docker.internal` to our loopback instead).
 */
export async function bridgeAddress(
  env: Readonly<Record<string, string | undefined>>,
): Promise<string | undefined> {
  const own = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  const told = await gatewayOf(env.DOCKER_HOST || 'unix:///var/run/docker.sock');
  if (told !== undefined) return own.some(({ address }) => address === told) ? told : undefined;
  return networkInterfaces().docker0?.find(({ family }) => family === 'IPv4')?.address;
}

/** GET /networks/bridge of the engine's API (https://docs.docker.com/reference/api/engine/). */
function gatewayOf(dockerHost: string): Promise<string | undefined> {
  const target = targetOf(dockerHost);
  if (!target) return Promise.resolve(undefined);
  return new Promise((resolve) => {
    const asked = request({ ...target, path: '/networks/bridge', timeout: 3000 }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => resolve(gatewayIn(Buffer.concat(chunks).toString('utf8'))));
    });
    asked.on('timeout', () => asked.destroy());
    asked.on('error', () => resolve(undefined));
    asked.end();
  });
}

function targetOf(dockerHost: string): { socketPath: string } | { host: string; port: string } | undefined {
  if (dockerHost.startsWith('unix://')) return { socketPath: dockerHost.slice('unix://'.length) };
  const [, host, port] = /^tcp:\/\/([^/:]+):(\d+)$/.exec(dockerHost) ?? [];
  return host !== undefined && port !== undefined ? { host, port } : undefined;
}

function gatewayIn(body: string): string | undefined {
  try {
    const gateways = network.parse(JSON.parse(body)).IPAM.Config?.map(({ Gateway }) => Gateway);
    return gateways?.find((gateway) => gateway?.includes('.'));
  } catch {
    return undefined;
  }
}
