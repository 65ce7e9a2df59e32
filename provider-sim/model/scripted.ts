import type { Prompt } from '../prompt.ts';
import {
  forbidden,
  invalidParameter,
  ProviderError,
  rateLimited,
  serverError,
  unknownModel,
  webPage,
  wrongKey,
} from '../provider-error.ts';
import type { Attempts } from './attempts.ts';
import { filler } from './filler.ts';
import type { Manners, Part, Plan, Spoiler } from './plan.ts';
import type { Fault, ScriptCall, Step } from './script.ts';
import { fillJson, templates } from './templates.ts';

/** Characters. */
const LONGEST_NOTE = 300;

/** What a call of a script does with a request that was sent with this key. */
export function scriptedPlan(call: ScriptCall, prompt: Prompt, key: string, attempts: Attempts): Plan {
  const fault = attempts.strike(key, prompt.messages, call.filter(isFault));
  const spoiler = fault && spoilerOf(fault, prompt, key);
  const steps =
    fault && spoiler && spoiler.afterTokens === undefined ? call.slice(0, call.indexOf(fault)) : call;
  const fill = templates(prompt, key);
  const note = call.find((step) => step.verb === 'note')?.text;
  return {
    parts: thoughtFirst(prompt, joined(partsOf(steps, fill, key))),
    spoiler,
    reportsUsage: !call.some(({ verb }) => verb === 'no-usage'),
    finish: call.find((step) => step.verb === 'finish')?.reason,
    manners: mannersOf(call, fault),
    note: note === undefined ? undefined : fill(note).slice(0, LONGEST_NOTE),
  };
}

/** Where the script does not say how long the model thinks, the effort that was asked for does. */
function thoughtFirst({ reasoningTokens = 0 }: Prompt, parts: Part[]): Part[] {
  if (reasoningTokens === 0 || parts.some(({ kind }) => kind === 'reason')) return parts;
  return [{ kind: 'reason', tokens: reasoningTokens }, ...parts];
}

/** How the answer goes over the wire; `fault` is the one that strikes this request. */
export function mannersOf(call: ScriptCall, fault: Fault | undefined): Manners {
  return {
    slowHeadersMs: call.find((step) => step.verb === 'slow-headers')?.ms,
    trickle: call.find((step) => step.verb === 'trickle'),
    bigHeader: fault?.verb === 'big-header',
    malformedJson: fault?.verb === 'malformed-json',
  };
}

function* partsOf(steps: ScriptCall, fill: (text: string) => string, key: string): Generator<Part> {
  let perSecond: number | undefined;
  for (const step of steps) {
    if (step.verb === 'pace') perSecond = step.perSecond;
    else if (step.verb === 'say') yield { kind: 'text', text: fill(step.text), perSecond };
    else if (step.verb === 'refuse') yield { kind: 'text', text: fill(step.text), refusal: true, perSecond };
    else if (step.verb === 'reason') yield { kind: 'reason', tokens: step.tokens, perSecond };
    else if (step.verb === 'echo-key') yield { kind: 'text', text: key, perSecond };
    else if (step.verb === 'filler')
      yield { kind: 'text', text: filler(step.tokens), perSecond: step.perSecond ?? perSecond };
    else if (step.verb === 'wait') yield { kind: 'wait', ms: step.ms };
    else if (step.verb === 'tool')
      yield { kind: 'call', name: step.name, args: JSON.stringify(fillJson(step.args, fill)), perSecond };
    else if (step.verb === 'raw-tool')
      yield { kind: 'call', name: step.name, args: fill(step.text), perSecond };
  }
}

/** Texts that follow each other at the same pace are one text, a line each, so that their tokens are those of the whole. */
function joined(parts: Iterable<Part>): Part[] {
  const all: Part[] = [];
  let spoken = false;
  for (const part of parts) {
    const last = all.at(-1);
    if (part.kind !== 'text') all.push(part);
    else if (last?.kind === 'text' && last.perSecond === part.perSecond && last.refusal === part.refusal)
      all[all.length - 1] = { ...last, text: `${last.text}\n${part.text}` };
    else all.push(spoken ? { ...part, text: `\n${part.text}` } : part);
    spoken ||= part.kind === 'text';
  }
  return all;
}

/** Whether a step can strike; all of these may carry `times`. */
export function isFault(step: Step): step is Fault {
  return 'times' in step;
}

/** What ends the answer before its time; undefined for the faults that leave it whole but for its form. */
export function spoilerOf(fault: Fault, named: Pick<Prompt, 'model'>, key: string): Spoiler | undefined {
  const { afterTokens } = fault;
  if (fault.verb === 'cut') return { kind: 'cut', afterTokens };
  if (fault.verb === 'fail') return { kind: 'fail', afterTokens, error: failure(fault, named, key) };
  return fault.verb === 'wrong-type' ? { kind: 'fail', afterTokens, error: webPage() } : undefined;
}

function failure(
  fault: Fault & { verb: 'fail' },
  { model }: Pick<Prompt, 'model'>,
  key: string,
): ProviderError {
  const { status, retryAfterSeconds, echoKey } = fault;
  if (status === 401) return wrongKey(key, echoKey);
  const error = byStatus(status, model, retryAfterSeconds);
  if (!echoKey) return error;
  const { message, ...rest } = error.body.error;
  return new ProviderError(status, { ...rest, message: `${message} (key: ${key})` }, error.headers);
}

function byStatus(status: number, model: string, retryAfterSeconds: number | undefined): ProviderError {
  if (status === 429) return rateLimited(model, retryAfterSeconds);
  if (status === 403) return forbidden(model);
  if (status === 404) return unknownModel(model);
  if (status === 400) return invalidParameter(null, 'The script asked for this error.');
  if (status >= 500) return serverError(status, retryAfterSeconds);
  return new ProviderError(status, {
    message: 'The script asked for this error.',
    type: 'invalid_request_error',
  });
}
