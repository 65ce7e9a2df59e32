import { CodedError } from '#errors/coded-error.ts';
import { LARGEST_CAP } from '#limits/caps.ts';
import type { PermitRequest } from './permit-request.ts';

/** Error: `request_invalid` {field}. */
export function checkAmounts({ tokens, requests = 1, epoch, fence, deadlineMs }: PermitRequest): void {
  const whole = (value: number): boolean => Number.isSafeInteger(value) && value >= 0 && value <= LARGEST_CAP;
  const wrong = Object.entries({ tokens, requests, epoch }).find(([, value]) => !whole(value))?.[0];
  if (wrong !== undefined) throw new CodedError('request_invalid', { field: wrong });
  if (!Number.isSafeInteger(fence) || fence < 0) throw new CodedError('request_invalid', { field: 'fence' });
  if (Number.isNaN(deadlineMs)) throw new CodedError('request_invalid', { field: 'deadlineMs' });
}

export const wholeTokens = (tokens: number): number => Math.min(LARGEST_CAP, Math.max(0, Math.ceil(tokens)));
