import type { z } from 'zod';
import type { CallBound } from '#bounds/call-bound.ts';
import { explainCall, type ClawForBounds } from '#bounds/explain.ts';
import { CodedError } from '#errors/coded-error.ts';
import type { ExplainReply, explainRequest } from '#protocol/api.ts';
import type { Level } from '../limiter/permit-request.ts';
import type { ClawRow } from '../store/claws-store.ts';

const NESTED = 'the body is nested too deeply';

/**
 * What a call of the Claw would reserve, by the functions of the meter, against the caps of its levels. Nothing of the body is in the answer, nor in an error. Errors: those of the
 * meter for a call that it would refuse.
 */
export async function explainReply(
  { path, body }: z.output<typeof explainRequest>,
  claw: ClawRow,
  levels: readonly Level[],
): Promise<ExplainReply> {
  const call = await explainCall(path, body, boundsOf(claw, levels)).catch((error: unknown) => {
    // JSON may be nested deeper than anything that writes it can follow.
    if (error instanceof RangeError)
      throw new CodedError('request_invalid', { reason: NESTED }, { cause: error });
    throw error;
  });
  const least = (call.tightened ?? call.bound).total;
  const fits = fitsOf(levels, least);
  return {
    operation: call.operation,
    model: call.model,
    modelKnownSince: call.modelKnownSince,
    bound: boundView(call.bound),
    tightened: call.tightened && boundView(call.tightened),
    fits,
    advice: [
      ...adviceOf(fits, least),
      ...(call.countedFirst
        ? [
            'The provider counts the input first, which takes a request; what it says then stands in for this bound.',
          ]
        : []),
    ],
  };
}

/** As its cage is told: what a call may be, and the smallest token cap, by which a call without an output limit gets one. */
function boundsOf(claw: ClawRow, levels: readonly Level[]): ClawForBounds {
  const tokensPerMinute = smallestTokenCap(levels);
  return {
    model: claw.model,
    models: claw.models as Readonly<Record<string, readonly string[]>>,
    ...(tokensPerMinute !== undefined && { tokensPerMinute }),
    ...(claw.maxOutputTokens !== null && { maxOutputTokens: claw.maxOutputTokens }),
    ...(claw.unbounded !== null && { unbounded: claw.unbounded }),
  };
}

const boundView = ({ inputTokens, outputTokens, total, parts }: CallBound): ExplainReply['bound'] => ({
  inputTokens,
  outputTokens,
  totalTokens: total,
  parts: parts.map(({ part, tokens, why }) => ({ part, tokens, why })),
});

/** Against each cap, with nothing else counted: whether a call of one request and so many tokens can ever be made. */
export function fitsOf(levels: readonly Level[], tokens: number): ExplainReply['fits'] {
  return levels.flatMap(({ level, requestsPerMinute, tokensPerMinute }) => [
    ...(requestsPerMinute === undefined ? [] : [fit(level, 'requests', requestsPerMinute, 1)]),
    ...(tokensPerMinute === undefined ? [] : [fit(level, 'tokens', tokensPerMinute, tokens)]),
  ]);
}

/** A cap of 0 is closed, also for a call that takes no tokens. */
const fit = (
  level: Level['level'],
  limit: 'requests' | 'tokens',
  cap: number,
  needed: number,
): ExplainReply['fits'][number] => ({ level, limit, cap, fits: cap > 0 && needed <= cap });

/** What to change so that the call can be made at all; empty where it can. */
export function adviceOf(fits: ExplainReply['fits'], tokens: number): string[] {
  return fits
    .filter((one) => !one.fits)
    .map(({ level, limit, cap }) => {
      const whose = level === 'claw' ? 'the Claw' : `the ${level}`;
      if (cap === 0) return `The ${limit} cap of ${whose} is 0, which lets no call through: raise it.`;
      return `The call reserves ${tokens} tokens and ${whose} has a cap of ${cap}: lower its output limit, send less, or raise the cap.`;
    });
}

/** The smallest token cap of the levels: a quarter of it is the output limit of a call that sets none. */
export function smallestTokenCap(levels: readonly Level[]): number | undefined {
  const caps = levels.flatMap(({ tokensPerMinute }) => tokensPerMinute ?? []);
  return caps.length > 0 ? Math.min(...caps) : undefined;
}
