export interface GateLimits {
  /** At once, links and tunnels together. */
  readonly connectionsPerCage: number;
  /** Both ways, over the cage's whole life. */
  readonly bytesPerCage: number;
  /** How long a controller waits for the cage to offer its link. */
  readonly offerWaitMs: number;
  /** How long a target may take to connect, each of its addresses. */
  readonly connectMs: number;
  /** How long a client may take to send its ClientHello. */
  readonly helloMs: number;
  /** How long a request's head may take. */
  readonly headMs: number;
  /** Streams that have not shown a capability yet; beyond so many the oldest is closed. */
  readonly strangers: number;
}

export const DEFAULT_GATE_LIMITS: GateLimits = {
  connectionsPerCage: 128,
  bytesPerCage: Infinity,
  offerWaitMs: 5_000,
  connectMs: 8_000,
  helloMs: 10_000,
  headMs: 5_000,
  strangers: 512,
};
