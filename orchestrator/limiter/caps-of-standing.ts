import type { Standing } from './permit-request.ts';

/** Of each level its kind, its cap of requests and its cap of tokens, as the scripts read them: '' is no cap. */
export const capsOf = ({ levels }: Standing): (string | number)[] =>
  levels.flatMap(({ level, requestsPerMinute, tokensPerMinute }) => [
    level,
    requestsPerMinute ?? '',
    tokensPerMinute ?? '',
  ]);
