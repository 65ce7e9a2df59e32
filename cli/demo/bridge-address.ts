import { once } from 'node:events';
import { createServer } from 'node:net';
import { z } from 'zod';
import { askEngine } from '../engine/ask-engine.ts';

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
  const told = gatewayIn((await askEngine(env, '/networks/bridge'))?.body);
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

function gatewayIn(body: unknown): string | undefined {
  const config = network.safeParse(body).data?.IPAM.Config ?? [];
  return config
    .map(({ Gateway, Subnet }) => Gateway ?? firstAddressOf(Subnet))
    .find((address) => address?.includes('.'));
}

/** Of `172.17.0.0/16`: `172.17.0.1`. */
function firstAddressOf(subnet: string | undefined): string | undefined {
  const [, network, last] = /^(\d+\.\d+\.\d+)\.(\d+)\//.exec(subnet ?? '') ?? [];
  return network === undefined ? undefined : `${network}.${Number(last) + 1}`;
}
