import { once } from 'node:events';
import { request } from 'node:http';
import { createServer } from 'node:net';
import { z } from 'zod';

const network = z.looseObject({
  IPAM: z.looseObject({
    Config: z
      .array(z.looseObject({ Gateway: z.string().optional(), Subnet: z.string().optional() }))
      .nullish(),
  }),
});

/**
 * The address of this machine on the engine's default bridge, which is what `host.docker.internal` means inside the gate on Linux.
 * `undefined` where the engine does not tell, or the address is not this machine's (an engine in a virtual machine, which leads
 * `host.docker.internal` to our loopback instead). An engine that was just started names no gateway and only the subnet, whose first address
 * it is; and while no container is on the bridge its interface is not among those that Node lists, so binding is what tells.
 */
export async function bridgeAddress(
  env: Readonly<Record<string, string | undefined>>,
): Promise<string | undefined> {
  const told = await gatewayOf(env.DOCKER_HOST || 'unix:///var/run/docker.sock');
  return told !== undefined && (await canBind(told)) ? told : undefined;
}

async function canBind(host: string): Promise<boolean> {
  const server = createServer().listen({ host, port: 0 });
  try {
    await once(server, 'listening');
    return true;
  } catch {
    return false;
  } finally {
    server.close();
  }
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
    const config = network.parse(JSON.parse(body)).IPAM.Config ?? [];
    return config
      .map(({ Gateway, Subnet }) => Gateway ?? firstAddressOf(Subnet))
      .find((address) => address?.includes('.'));
  } catch {
    return undefined;
  }
}

/** Of `172.17.0.0/16`: `172.17.0.1`. */
function firstAddressOf(subnet: string | undefined): string | undefined {
  const [, network, last] = /^(\d+\.\d+\.\d+)\.(\d+)\//.exec(subnet ?? '') ?? [];
  return network === undefined ? undefined : `${network}.${Number(last) + 1}`;
}
