import { Books, type Call } from '../../provider-sim/books.ts';
import { issueServerCertificate, LOCAL_NAMES, makeAuthority } from '../../provider-sim/certificates.ts';
import { makeKey } from '../../provider-sim/keys.ts';
import type { Limits } from '../../provider-sim/key-limits.ts';
import { startProviderSim } from '../../provider-sim/provider.ts';

export interface TestProviderOptions {
  /** Addresses to listen on besides 127.0.0.1, for instance the bridge's gateway. */
  readonly hosts?: readonly string[];
  /** The key that is let in, for instance a canary to be searched for afterwards; one is made otherwise. */
  readonly key?: string;
  readonly models?: readonly string[];
  /** What every key may do in a minute. */
  readonly limits?: Limits;
  /** http without TLS. */
  readonly plain?: boolean;
  readonly port?: number;
}

export interface TestProvider extends AsyncDisposable {
  /** Base URL with `/v1`, on 127.0.0.1. */
  readonly url: string;
  readonly port: number;
  readonly caPem: string;
  readonly key: string;
  /** The keys that are let in from now on: add a second one, or take one away. */
  readonly keys: Set<string>;
  /** What the provider has booked so far, in the order in which the calls ended. */
  books(): Call[];
  close(): Promise<void>;
}

/** Starts the simulated provider in this process, on a free port, with a CA of its own and books in memory. */
export async function startTestProvider(options: TestProviderOptions = {}): Promise<TestProvider> {
  const { hosts = [], key = makeKey(), models, limits, plain = false, port = 0 } = options;
  const certificate = issueServerCertificate(makeAuthority(), [...LOCAL_NAMES, ...hosts]);
  const books = new Books();
  const keys = new Set([key]);
  const sim = await startProviderSim({
    host: [...new Set(['127.0.0.1', ...hosts])],
    port,
    keys,
    models,
    limitsOf: () => limits,
    certificate: plain ? 'plain' : certificate,
    books,
  });
  const close = () => sim.close(0);
  return {
    url: sim.url,
    port: sim.port,
    caPem: certificate.caPem,
    key,
    keys,
    books: () => [...books.calls],
    close,
    [Symbol.asyncDispose]: close,
  };
}
