import { CodedError } from '#errors/coded-error.ts';
import type { CapabilityTarget } from '#protocol/capability.ts';
import { egressEntryFor, egressTarget } from '#protocol/egress.ts';
import { Refusal } from './refusal.ts';

export interface EgressRules {
  readonly claw: string;
  /** As the Claw's egress list is written. */
  readonly entries: readonly string[];
  /** For the text that points to the meter. */
  readonly providerUrl: string;
}

/** What a Claw's egress list lets its agent reach. It decides nothing that the gate does not decide again: it is here for the words of a refusal. */
export class EgressList {
  readonly #rules: EgressRules;
  readonly #targets: readonly CapabilityTarget[];

  constructor(rules: EgressRules) {
    this.#rules = rules;
    this.#targets = rules.entries.map(egressTarget).filter((target) => target !== undefined);
  }

  /** For CONNECT: TLS, or whatever a `http://` entry allows. Errors: `Refusal`. */
  tunnel(authority: string): CapabilityTarget {
    const wanted = egressTarget(authority);
    if (wanted === undefined || wanted.tls === 'plain' || !/:[0-9]+$/.test(authority))
      throw new Refusal(400, 'request_invalid: CONNECT takes host:port.');
    const found = this.#find(wanted);
    if (found !== undefined) return found;
    // Some clients tunnel plain HTTP too.
    throw this.#missing(wanted.port === 80 ? { ...wanted, tls: 'plain' } : wanted);
  }

  /** For a request in absolute form (RFC 9112 section 3.2.2). Errors: `Refusal`. */
  plain(url: URL | null): CapabilityTarget {
    const wanted = url?.protocol === 'http:' ? egressTarget(`http://${url.host}`) : undefined;
    if (wanted === undefined)
      throw new Refusal(
        400,
        'request_invalid: This is a proxy: it takes http:// URLs, and CONNECT for https://.',
      );
    const found = this.#find(wanted);
    if (found?.tls === 'plain') return found;
    throw this.#missing(wanted, found !== undefined);
  }

  #find({ host, port }: CapabilityTarget): CapabilityTarget | undefined {
    const here = this.#targets.filter((target) => target.host === host && target.port === port);
    return here.find((target) => target.tls === 'plain') ?? here[0];
  }

  #missing(wanted: CapabilityTarget, onlyTls = false): Refusal {
    if (this.#isProvider(wanted)) {
      const { code, message } = new CodedError('egress_provider_host');
      return new Refusal(403, `${code}: ${message} Use OPENAI_BASE_URL and OPENAI_API_KEY as they are set.`);
    }
    const entry = egressEntryFor(wanted);
    const reason = onlyTls
      ? 'is on the egress list of the Claw for TLS only'
      : 'is not on the egress list of the Claw';
    return new Refusal(
      403,
      `gate_target_denied: ${wanted.host}:${wanted.port} ${reason}. Add "${entry}" to the Claw's egress list: clawcage claws update ${this.#rules.claw} --egress ${entry}`,
    );
  }

  #isProvider({ host }: CapabilityTarget): boolean {
    return URL.parse(this.#rules.providerUrl)?.hostname.replace(/^\[|\]$/g, '') === host;
  }
}
