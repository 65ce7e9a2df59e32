import type { KeyObject } from 'node:crypto';
import { isIP } from 'node:net';
import { signCapability, type CapabilityClaims, type CapabilityTarget } from '#protocol/capability.ts';
import { egressTarget } from '#protocol/egress.ts';

/** Whom a capability speaks for. */
export interface CapabilitySubject {
  readonly cage: string;
  readonly organisation: string;
  readonly claw: string;
}

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
/** A cage cannot get a second one, so it holds for as long as any cage may live. */
const LINK_LIFE_MS = 7 * DAY_MS;
/** Made anew for every connection. */
const CONTROLLER_LIFE_MS = 10 * MINUTE_MS;
/** What a task may take beyond its own time: the start before it, the grace after it. */
const SLACK_MS = 5 * MINUTE_MS;
/**
 * The gate compares the expiry with a clock that may be set by an hour, or be another machine's. What bounds a tunnel is the time that it may live; and once its cage is gone nobody has
 * the capability.
 */
const CLOCK_SLACK_MS = 120 * MINUTE_MS;

/** Signs what lets a cage or a controller through the gate of this installation. Every time is meant with two hours of slack between the clocks. */
export class CapabilityIssuer {
  readonly #install: string;
  readonly #privateKey: KeyObject;
  readonly #nowMs: () => number;

  constructor(options: { install: string; privateKey: KeyObject; nowMs?: () => number }) {
    this.#install = options.install;
    this.#privateKey = options.privateKey;
    this.#nowMs = options.nowMs ?? Date.now;
  }

  /** For the bootstrap: the warden offers its link with it, for 7 days; a link lives for a day at most and is then resumed on a new one. */
  link(subject: CapabilitySubject): string {
    return this.#sign(subject, 'link', [], LINK_LIFE_MS, DAY_MS);
  }

  /** To attach to that cage's link, within 10 minutes. */
  controller(subject: CapabilitySubject): string {
    return this.#sign(subject, 'controller', [], CONTROLLER_LIFE_MS, DAY_MS);
  }

  /** Tunnels to the provider at `baseUrl` and nowhere else, for the task's time `lifeMs` and 5 minutes. */
  meter(subject: CapabilitySubject & { baseUrl: string; lifeMs: number }): string {
    const lifeMs = subject.lifeMs + SLACK_MS;
    return this.#sign(subject, 'meter', [targetOf(subject.baseUrl)], lifeMs, lifeMs);
  }

  /** Tunnels for the agent to the entries of the Claw's egress list (see `egressTarget`), for the task's time `lifeMs` and 5 minutes. */
  agent(subject: CapabilitySubject & { egress: readonly string[]; lifeMs: number }): string {
    const lifeMs = subject.lifeMs + SLACK_MS;
    return this.#sign(subject, 'agent', agentTargets(subject.egress), lifeMs, lifeMs);
  }

  /** One tunnel to the address of a webhook, for the service itself; `id` keeps the gate's books of it apart from those of cages. */
  webhook(subject: { organisation: string; id: string; url: string; lifeMs: number }): string {
    const { organisation, id, url, lifeMs } = subject;
    return this.#sign({ cage: id, organisation, claw: '' }, 'webhook', [targetOf(url)], lifeMs, lifeMs);
  }

  #sign(
    subject: CapabilitySubject,
    role: CapabilityClaims['role'],
    targets: CapabilityTarget[],
    lifeMs: number,
    tunnelMs: number,
  ): string {
    const expires = Math.ceil((this.#nowMs() + lifeMs + CLOCK_SLACK_MS) / 1000);
    const { cage, organisation, claw } = subject;
    const claims = {
      version: 1,
      install: this.#install,
      cage,
      role,
      targets,
      organisation,
      claw,
      expires,
      tunnelMs,
    } as const;
    return signCapability(claims, this.#privateKey);
  }
}

/**
 * What a base URL needs of the gate: `https` with a name is TLS with that server name, `https` with an IP literal TLS without one, `http` no TLS.
 * The URL parser (WHATWG) writes every form of an IPv4 address as four decimal numbers. Throws a TypeError for what is no http(s) URL.
 */
export function targetOf(baseUrl: string): CapabilityTarget {
  const url = new URL(baseUrl);
  if (url.protocol !== 'https:' && url.protocol !== 'http:')
    throw new TypeError('The base URL is neither http nor https.');
  const host = url.hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '');
  const secure = url.protocol === 'https:';
  const port = url.port === '' ? (secure ? 443 : 80) : Number(url.port);
  return { host, port, tls: secure ? (isIP(host) === 0 ? 'sni' : 'ip') : 'plain' };
}

/** One target for each host and port; where an entry asks for no TLS there, none is asked. Throws a TypeError for what is no entry. */
function agentTargets(entries: readonly string[]): CapabilityTarget[] {
  const targets = new Map<string, CapabilityTarget>();
  for (const entry of entries) {
    const target = egressTarget(entry);
    if (target === undefined) throw new TypeError('An entry of the egress list is no host and port.');
    const key = `${target.host} ${target.port}`;
    if (target.tls === 'plain' || !targets.has(key)) targets.set(key, target);
  }
  return [...targets.values()];
}
