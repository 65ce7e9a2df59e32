import { z } from 'zod';

// GET /api/v1/doctor?cage=false
/** `cage=false` leaves out the proof of a cage, which takes a second. */
export const doctorQuery = z.strictObject({ cage: z.enum(['true', 'false']).default('true') });
export const doctorCheck = z.strictObject({
  name: z.string(),
  ok: z.boolean(),
  /** What was found, in a few words. */
  found: z.string().optional(),
  /** Where it is not ok: why, and what to do. */
  reason: z.string().optional(),
  remedy: z.string().optional(),
  ms: z.int(),
});
export type DoctorCheck = z.infer<typeof doctorCheck>;
export const doctorReply = z.strictObject({ ok: z.boolean(), checks: z.array(doctorCheck) });
export type DoctorReply = z.infer<typeof doctorReply>;

// GET /api/v1/doctor/leftovers
export const leftover = z.strictObject({
  kind: z.enum([
    'container',
    'volume',
    'network',
    'image',
    'cage',
    'result',
    'shredding_key',
    'key_draft',
    'task_files',
    'idempotency_keys',
    'orchestrator',
    'lock_file',
    'event_stream',
  ]),
  /** An id or a name on the engine; never content. */
  name: z.string(),
  why: z.string(),
  action: z.enum(['remove', 'end', 'shred', 'forget']),
  /** How long the service has seen it so, by its own clock. */
  ageMs: z.int(),
  /** When it goes by itself, at the earliest; 0 in the next round. */
  dueInMs: z.int(),
});
export type Leftover = z.infer<typeof leftover>;
export const leftoversReply = z.strictObject({
  leftovers: z.array(leftover),
  /** How many more there are than are told. */
  more: z.int(),
  /** What could not be looked at now, and why. */
  unseen: z.array(z.strictObject({ what: z.string(), code: z.string() })),
});
export type LeftoversReply = z.infer<typeof leftoversReply>;
