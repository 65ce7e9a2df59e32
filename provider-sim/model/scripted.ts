import type { ChatRequest } from '../chat-request.ts';
import {
  invalidParameter,
  ProviderError,
  rateLimited,
  serverError,
  unknownModel,
  wrongKey,
} from '../provider-error.ts';
import type { Attempts } from './attempts.ts';
import { filler } from './filler.ts';
import type { Part, Plan, Spoiler } from './plan.ts';
import type { Fault, ScriptCall, Step } from './script.ts';
import { fillJson, templates } from './templates.ts';

/** What a call of a script does with a request that was sent with this key. */
export function scriptedPlan(call: ScriptCall, request: ChatRequest, key: string, attempts: Attempts): Plan {
  const fault = attempts.strike(key, request.messages, call.filter(isFault));
  const spoiler = fault && spoilerOf(fault, request, key);
  const steps = spoiler?.afterTokens === undefined && fault ? call.slice(0, call.indexOf(fault)) : call;
  return {
    parts: joined(partsOf(steps, templates(request, key), key)),
    spoiler,
    reportsUsage: !call.some(({ verb }) => verb === 'no-usage'),
  };
}

function* partsOf(steps: ScriptCall, fill: (text: string) => string, key: string): Generator<Part> {
  let perSecond: number | undefined;
  for (const step of steps) {
    if (step.verb === 'pace') perSecond = step.perSecond;
    else if (step.verb === 'say') yield { kind: 'text', text: fill(step.text), perSecond };
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
    else if (last?.kind === 'text' && last.perSecond === part.perSecond)
      all[all.length - 1] = { ...last, text: `${last.text}\n${part.text}` };
    else all.push(spoken ? { ...part, text: `\n${part.text}` } : part);
    spoken ||= part.kind === 'text';
  }
  return all;
}

function isFault(step: Step): step is Fault {
  return step.verb === 'fail' || step.verb === 'cut';
}

function spoilerOf(fault: Fault, request: ChatRequest, key: string): Spoiler {
  const { afterTokens } = fault;
  return fault.verb === 'cut'
    ? { kind: 'cut', afterTokens }
    : { kind: 'fail', afterTokens, error: failure(fault, request, key) };
}

function failure(fault: Fault & { verb: 'fail' }, { model }: ChatRequest, key: string): ProviderError {
  const { status, retryAfterSeconds, echoKey } = fault;
  if (status === 401) return wrongKey(key, echoKey);
  const error = byStatus(status, model, retryAfterSeconds);
  if (!echoKey) return error;
  const { message, ...rest } = error.body.error;
  return new ProviderError(status, { ...rest, message: `${message} (key: ${key})` }, error.headers);
}

function byStatus(status: number, model: string, retryAfterSeconds: number | undefined): ProviderError {
  if (status === 429) return rateLimited(model, retryAfterSeconds);
  if (status === 404) return unknownModel(model);
  if (status === 400) return invalidParameter(null, 'The script asked for this error.');
  if (status >= 500) return serverError(status, retryAfterSeconds);
  return new ProviderError(status, {
    message: 'The script asked for this error.',
    type: 'invalid_request_error',
  });
}
