import * as z from 'zod/mini';

/** How a process reaches the gate: a Unix socket (Docker's cages) or an address (controllers; Kubernetes' cages). */
export const gateAddress = z.union([
  z.strictObject({ socket: z.string() }),
  z.strictObject({ host: z.string(), port: z.number() }),
]);
export type GateAddress = z.infer<typeof gateAddress>;

/**
 * The one message that a new container gets on its stdin, as one line of JSON, after which stdin is closed.
 * Nothing else ever goes over stdio. No versions are negotiated here: an orchestrator starts cages of its own release's image only, and one that adopts a cage
 * finds it with its bootstrap.
 */
export const bootstrap = z.strictObject({
  version: z.literal(1),
  cageId: z.string(),
  /** 32 bytes, base64: the external PSK of the link's TLS. */
  linkSecret: z.string(),
  /** The capability of role `link`. */
  capability: z.string(),
  gate: gateAddress,
  /** Without a controller for so long the warden ends the task and exits. */
  orphanMs: z.number(),
  /** Between two signs of life, on the link and inside the cage; three of them missed mean gone or stuck. */
  pulseMs: z.optional(z.number()),
});
export type Bootstrap = z.infer<typeof bootstrap>;
