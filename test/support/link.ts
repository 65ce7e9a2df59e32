import { randomBytes, randomUUID } from 'node:crypto';
import type { GateAddress } from '#protocol/bootstrap.ts';
import type { FromCage, ToCage } from '#protocol/link-messages.ts';
import { Secret } from '#secret/secret.ts';
import { serveLink, type CageLink, type ServeOptions } from '../../cage-image/warden/link/serve-link.ts';
import type { CapabilityIssuer } from '../../orchestrator/link/capabilities.ts';
import { dialLink, type DialOptions, type Link } from '../../orchestrator/link/dial-link.ts';

/** Soon enough for a test, and long enough that a process which had no processor for a while does not count as gone. */
export const FAST_PULSE = { pulseMs: 50, silenceMs: 2_000 };

/** A cage's end of the link without a cage, and what it needs to be dialled. */
export interface LinkCage extends AsyncDisposable {
  readonly cageId: string;
  readonly secret: Buffer;
  readonly link: CageLink;
  readonly received: ToCage[];
  readonly errors: string[];
}

export function serveCage(
  issuer: CapabilityIssuer,
  gate: GateAddress,
  options: Partial<ServeOptions> = {},
): LinkCage {
  const cageId = randomUUID();
  const secret = randomBytes(32);
  const received: ToCage[] = [];
  const errors: string[] = [];
  const link = serveLink({
    bootstrap: {
      cageId,
      linkSecret: secret.toString('base64'),
      capability: issuer.link(subject(cageId)),
      gate,
    },
    hello: () => ({ cageId, meterPublicKey: 'cHVibGlj', proof: { ok: true, checks: [] } }),
    onMessage: (message) => void received.push(message),
    onError: (error) => errors.push(error.code),
    pulse: FAST_PULSE,
    ...options,
  });
  return { cageId, secret, link, received, errors, [Symbol.asyncDispose]: () => link.close() };
}

export interface Controller extends AsyncDisposable {
  readonly link: Link;
  readonly received: FromCage[];
}

export async function dialCage(
  issuer: CapabilityIssuer,
  gate: GateAddress,
  cage: LinkCage,
  options: Partial<DialOptions> = {},
): Promise<Controller> {
  const received: FromCage[] = [];
  const link = await dialLink({
    gate,
    capability: () => issuer.controller(subject(cage.cageId)),
    linkSecret: new Secret(Buffer.from(cage.secret)),
    cageId: cage.cageId,
    epoch: 1,
    lastSeq: 0,
    onMessage: async (message) => void received.push(message),
    pulse: FAST_PULSE,
    ...options,
  });
  return { link, received, [Symbol.asyncDispose]: () => link.close() };
}

export const subject = (cage: string) => ({ cage, organisation: 'organisation', claw: 'claw' });

export const ping = (id: number): ToCage => ({ type: 'ping', id });
export const pong = (id: number): FromCage => ({ type: 'pong', id });
export const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);
export const ids = (messages: readonly (FromCage | ToCage)[]): number[] =>
  messages.map((message) => ('id' in message ? message.id : -1));
