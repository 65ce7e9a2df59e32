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
