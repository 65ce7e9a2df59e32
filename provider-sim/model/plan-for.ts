import type { Prompt } from '../prompt.ts';
import type { Attempts } from './attempts.ts';
import type { Plan } from './plan.ts';
import { scriptedCall } from './position.ts';
import { scriptedPlan } from './scripted.ts';
import { unscriptedPlan } from './unscripted.ts';

/** What the simulated model does with a prompt that was sent with this key. */
export function planFor(prompt: Prompt, key: string, attempts: Attempts): Plan {
  const call = scriptedCall(prompt.messages);
  return call === undefined ? unscriptedPlan(prompt) : scriptedPlan(call, prompt, key, attempts);
}
