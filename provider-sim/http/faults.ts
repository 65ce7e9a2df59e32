import { setTimeout as sleep } from 'node:timers/promises';
import { isFault, mannersOf, spoilerOf } from '../model/scripted.ts';
import { parseScript } from '../model/script.ts';
import { BrokenOff } from '../provider-error.ts';
import type { Visit } from './visit.ts';

/**
 * What the script in the text of a request does where the model does not talk (embeddings, speech, pictures, …): its waits and its
 * faults, all in its first call; what it says is passed over. Throws the error that the script asks for. A cut `after` some tokens breaks
 * off in the middle of the body.
 */
export async function scriptedFaults(
  { exchange, provider, key }: Visit,
  text: string,
  model: string,
): Promise<{ reportsUsage: boolean }> {
  const [call = []] = parseScript(text) ?? [];
  const fault = provider.attempts.strike(key, [model, text], call.filter(isFault));
  const spoiler = fault && spoilerOf(fault, { model }, key);
  const cutHalfway = spoiler?.kind === 'cut' && spoiler.afterTokens !== undefined;
  exchange.manners = { ...mannersOf(call, fault), cutHalfway };
  for (const step of call) {
    if (step === fault && spoiler !== undefined && !cutHalfway) break;
    if (step.verb === 'wait') await sleep(step.ms, undefined, { signal: exchange.gone });
  }
  await exchange.holdHeaders();
  if (spoiler?.kind === 'fail') throw spoiler.error;
  if (spoiler !== undefined && !cutHalfway) throw new BrokenOff();
  return { reportsUsage: !call.some(({ verb }) => verb === 'no-usage') };
}
