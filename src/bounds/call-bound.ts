/** One part of a bound, and in a sentence how it was found. Never holds anything of the request. */
export interface BoundPart {
  /** `text`, `images`, `tools`, `fields`, `overhead`, `context`, `output` and such. */
  readonly part: string;
  readonly tokens: number;
  readonly why: string;
}

/** The most that a call can take, in tokens; the parts add up to it. */
export interface CallBound {
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly total: number;
  readonly parts: readonly BoundPart[];
}

/** Of calls that the provider charges by the request, the character or the minute, and counts no tokens of. */
export const NO_TOKENS: CallBound = { inputTokens: 0, outputTokens: 0, total: 0, parts: [] };

export function boundOf(input: readonly BoundPart[], output: readonly BoundPart[]): CallBound {
  const [inputTokens, outputTokens] = [sum(input), sum(output)];
  return { inputTokens, outputTokens, total: inputTokens + outputTokens, parts: [...input, ...output] };
}

export const sum = (parts: readonly BoundPart[]): number =>
  parts.reduce((total, { tokens }) => total + tokens, 0);

/** A call that uses what cannot be bounded: it takes what its owner said it may, or its visible part where that is more. */
export function atLeast(bound: CallBound, tokensPerCall: number): CallBound {
  const missing = tokensPerCall - bound.total;
  if (missing <= 0) return bound;
  const part = {
    part: 'unbounded',
    tokens: missing,
    why: `It uses what nobody can bound, which the Claw allows: such a call reserves ${tokensPerCall} tokens (unbounded.tokensPerCall).`,
  };
  return {
    ...bound,
    inputTokens: bound.inputTokens + missing,
    total: bound.total + missing,
    parts: [...bound.parts, part],
  };
}
