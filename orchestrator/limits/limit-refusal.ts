import { CodedError } from '#errors/coded-error.ts';
import type { LevelState } from '../limiter/permit-request.ts';

/** A refusal by the caps: `limit_exceeded`, `limit_never_fits`; with what each level with caps counted at that moment. */
export class LimitRefusal extends CodedError {
  readonly levels: readonly LevelState[];

  constructor(
    code: 'limit_exceeded' | 'limit_never_fits',
    details: Readonly<Record<string, unknown>>,
    levels: readonly LevelState[],
  ) {
    super(code, details);
    this.levels = levels;
  }
}
