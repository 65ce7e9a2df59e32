import { CodedError } from '#errors/coded-error.ts';
import type { ClawSettings } from './claw.ts';

interface Problem {
  readonly field: keyof ClawSettings;
  readonly problem: string;
}

type Unchecked = { readonly [Field in 'model' | 'instructions']?: ClawSettings[Field] | undefined };

const CONTROL = /\p{Cc}/u;

/**
 * What the wire schema does not see, because it lies in what a text holds. Throws `request_invalid` that names
 * every field at once.
 */
export function assertClaw(settings: Unchecked): void {
  const fields = [...problems(settings)];
  if (fields.length > 0) throw new CodedError('request_invalid', { fields });
}

function* problems({ model, instructions }: Unchecked): Generator<Problem> {
  if (model !== undefined && (model.trim() !== model || CONTROL.test(model))) {
    yield { field: 'model', problem: 'no space around it and no control characters' };
  }
  if (instructions?.includes('\0'))
    yield { field: 'instructions', problem: 'may not hold the character NUL' };
}
