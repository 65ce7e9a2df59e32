import { createPrivateKey, createPublicKey, sign, verify, type KeyObject } from 'node:crypto';
import * as z from 'zod/mini';
import { CodedError } from '#errors/coded-error.ts';

/**
 * A capability of the gate: `base64url(JSON).base64url(Ed25519 signature)` (RFC 8032), signed by the installation.
 * It names all that the gate has to know, so that the gate needs no database.
 */
export const capabilityTarget = z.strictObject({
  host: z.string(),
  port: z.number(),
  /** `sni`: TLS whose server name is `host`; `ip`: TLS without a name, for an IP literal; `plain`: no TLS asked. */
  tls: z.enum(['sni', 'ip', 'plain']),
});
export type CapabilityTarget = z.infer<typeof capabilityTarget>;

export const capabilityClaims = z.strictObject({
  version: z.literal(1),
  install: z.string(),
  /** The cage it speaks for; a controller's names the cage that it may attach to. */
  cage: z.string(),
  /** `link`: the warden offers its link; `controller`: attaches to it; `meter`, `agent`, `webhook` (the service's own deliveries): tunnels to `targets`. */
  role: z.enum(['link', 'controller', 'meter', 'agent', 'webhook']),
  targets: z.array(capabilityTarget),
  organisation: z.string(),
  claw: z.string(),
  /** Unix seconds. */
  expires: z.number(),
  /** The longest life of a tunnel opened with it. */
  tunnelMs: z.number(),
});
export type CapabilityClaims = z.infer<typeof capabilityClaims>;

export function signCapability(claims: CapabilityClaims, privateKey: KeyObject): string {
  const payload = Buffer.from(JSON.stringify(claims));
  return `${payload.toString('base64url')}.${sign(null, payload, privateKey).toString('base64url')}`;
}

/**
 * The claims of a capability of this installation. Errors: `gate_capability_invalid` (form, signature, installation),
 * `gate_capability_expired`.
 */
export function verifyCapability(
  token: string,
  publicKey: KeyObject,
  install: string,
  nowMs: number,
): CapabilityClaims {
  const claims = readSigned(token, publicKey);
  if (claims.install !== install) throw new CodedError('gate_capability_invalid');
  if (claims.expires * 1000 <= nowMs) throw new CodedError('gate_capability_expired');
  return claims;
}

/** Beyond the longest egress list: 200 entries of 300 characters. */
export const CAPABILITY_LIMIT = 128 * 1024;

function readSigned(token: string, publicKey: KeyObject): CapabilityClaims {
  const [payload, signature, ...rest] = token.split('.');
  if (!payload || !signature || rest.length > 0 || token.length > CAPABILITY_LIMIT)
    throw new CodedError('gate_capability_invalid');
  const bytes = Buffer.from(payload, 'base64url');
  if (!verify(null, bytes, publicKey, Buffer.from(signature, 'base64url')))
    throw new CodedError('gate_capability_invalid');
  const parsed = capabilityClaims.safeParse(parseJson(bytes));
  if (!parsed.success) throw new CodedError('gate_capability_invalid');
  return parsed.data;
}

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    return undefined;
  }
}

export const publicKeyFrom = (pem: string): KeyObject => createPublicKey(pem);
export const privateKeyFrom = (pem: string): KeyObject => createPrivateKey(pem);
