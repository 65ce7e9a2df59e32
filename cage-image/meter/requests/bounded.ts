import type { BoundedCall } from '#bounds/bounded-call.ts';
import type { PreparedCall } from '../prepared-call.ts';

type Bounded = Pick<PreparedCall, 'body' | 'tokens' | 'tighten' | 'countFirst'>;

/** What a bound says of a call, in the form in which the meter performs it. */
export function asPrepared({ body, bound, tighten, countFirst }: BoundedCall): Bounded {
  return {
    body: Buffer.from(body, 'utf8'),
    tokens: bound.total,
    ...(tighten && { tighten: async () => (await tighten()).total }),
    ...(countFirst && {
      countFirst: {
        path: countFirst.path,
        body: Buffer.from(countFirst.body, 'utf8'),
        bound: (inputTokens: number) => countFirst.boundOf(inputTokens).total,
      },
    }),
  };
}
