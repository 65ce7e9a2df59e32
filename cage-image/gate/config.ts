import type { KeyObject } from 'node:crypto';
import { CodedError } from '#errors/coded-error.ts';
import { publicKeyFrom } from '#protocol/capability.ts';
import { parseAuthority } from './authority.ts';
import { DEFAULT_GATE_LIMITS, type GateLimits } from './limits.ts';

export interface GateConfig {
  readonly install: string;
  readonly publicKey: KeyObject;
  /** `host:port`, each written in the one way of `parseAuthority`. */
  readonly allowHosts: ReadonlySet<string>;
  /** Empty: none. */
  readonly socketPath: string;
  readonly host: string;
  readonly port: number;
  readonly limits: GateLimits;
}

/**
 * The gate's configuration from its environment:
 *
 * - `CLAWCAGE_GATE_INSTALL`: the installation whose capabilities count
 * - `CLAWCAGE_GATE_PUBLIC_KEY`: its Ed25519 key, PEM in base64
 * - `CLAWCAGE_GATE_ALLOW_HOSTS`: `host:port,…` that may be private, or without TLS
 * - `CLAWCAGE_GATE_SOCKET` (`/run/gate/gate.sock`; empty for none), `CLAWCAGE_GATE_HOST` (`0.0.0.0`), `CLAWCAGE_GATE_PORT` (4181)
 * - `CLAWCAGE_GATE_MAX_CONNECTIONS` (128) at once and `CLAWCAGE_GATE_MAX_BYTES` (0: no limit) in all, for each cage
 *
 * Errors: `config_invalid` with the field.
 */
export function loadGateConfig(env: Readonly<Record<string, string | undefined>>): GateConfig {
  return {
    install: required(env, 'CLAWCAGE_GATE_INSTALL'),
    publicKey: publicKey(required(env, 'CLAWCAGE_GATE_PUBLIC_KEY')),
    allowHosts: allowHosts(env['CLAWCAGE_GATE_ALLOW_HOSTS'] ?? ''),
    socketPath: env['CLAWCAGE_GATE_SOCKET'] ?? '/run/gate/gate.sock',
    host: env['CLAWCAGE_GATE_HOST'] ?? '0.0.0.0',
    port: whole(env, 'CLAWCAGE_GATE_PORT', 4181),
    limits: {
      ...DEFAULT_GATE_LIMITS,
      connectionsPerCage: whole(env, 'CLAWCAGE_GATE_MAX_CONNECTIONS', DEFAULT_GATE_LIMITS.connectionsPerCage),
      bytesPerCage: whole(env, 'CLAWCAGE_GATE_MAX_BYTES', 0) || Infinity,
    },
  };
}

function required(env: Readonly<Record<string, string | undefined>>, field: string): string {
  const value = env[field];
  if (!value) throw new CodedError('config_invalid', { field, reason: 'it must be set' });
  return value;
}

function whole(env: Readonly<Record<string, string | undefined>>, field: string, fallback: number): number {
  const value = env[field];
  if (value === undefined || value === '') return fallback;
  if (!/^\d{1,15}$/.test(value))
    throw new CodedError('config_invalid', { field, reason: 'it must be a whole number' });
  return Number(value);
}

function publicKey(base64: string): KeyObject {
  try {
    return publicKeyFrom(Buffer.from(base64, 'base64').toString('utf8'));
  } catch (cause) {
    throw new CodedError(
      'config_invalid',
      { field: 'CLAWCAGE_GATE_PUBLIC_KEY', reason: 'it must be a public key, PEM in base64' },
      { cause },
    );
  }
}

function allowHosts(list: string): ReadonlySet<string> {
  const entries = list
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '');
  return new Set(entries.map((entry) => authorityKey(entry)));
}

function authorityKey(entry: string): string {
  const authority = parseAuthority(entry);
  if (!authority)
    throw new CodedError('config_invalid', {
      field: 'CLAWCAGE_GATE_ALLOW_HOSTS',
      reason: `"${entry}" is not host:port`,
    });
  return `${authority.host}:${authority.port}`;
}
