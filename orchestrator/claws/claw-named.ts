import { CodedError } from '#errors/coded-error.ts';
import type { ClawRow, ClawsStore } from '../store/claws-store.ts';

/** The Claw that bears the name now; `not_found`. */
export async function clawNamed(claws: ClawsStore, organisation: string, name: string): Promise<ClawRow> {
  const claw = await claws.byName(organisation, name);
  if (!claw) throw new CodedError('not_found', { claw: name });
  return claw;
}
