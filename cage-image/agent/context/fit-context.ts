import { CodedError } from '#errors/coded-error.ts';
import { cutMiddle } from '../cut-middle.ts';
import type { Entry, ToolEntry } from '../conversation.ts';
import { conversationTokens, entryTokens } from './estimate.ts';

const SHORTENED = 1_000;
const NEWEST_SHORTENED = 4_000;
/** Once something has to go, so much more goes that the next steps fit too: each change costs the provider's cache of the conversation's beginning. */
const TARGET_SHARE = 0.75;
const DROPPED = '[The output was dropped to keep the conversation within the model’s window.]';
const LEFT_OUT =
  '[Earlier steps were left out to keep the conversation within the model’s window. What they changed in /work is still there.]';

export interface Fitted {
  readonly entries: Entry[];
  readonly changed: boolean;
}

/**
 * The conversation within `budget` tokens. Oldest first, old tool outputs are shortened, then dropped with a note; then whole steps go, call and
 * result together; at last the newest outputs are shortened. The instructions, the task and the newest step stay. Throws `agent_failed` where that is still too much.
 */
export function fitContext(entries: readonly Entry[], budget: number): Fitted {
  if (conversationTokens(entries) <= budget) return { entries: [...entries], changed: false };
  const target = budget * TARGET_SHARE;
  let fitted = [...entries];
  for (const shrink of [shortenOld, dropOld, leaveOutSteps]) {
    fitted = shrink(fitted, target);
    if (conversationTokens(fitted) <= target) return { entries: fitted, changed: true };
  }
  if (conversationTokens(fitted) > budget) fitted = shortenNewest(fitted);
  if (conversationTokens(fitted) > budget) {
    throw new CodedError('agent_failed', {
      reason: `The task alone is larger than the model's window leaves room for (about ${conversationTokens(fitted)} of ${Math.floor(budget)} tokens): give it less, or a model with a larger window (contextTokens).`,
    });
  }
  return { entries: fitted, changed: true };
}

/** Where the newest step begins: the last thing that the model said, with what the tools answered to it. */
function newestStep(entries: readonly Entry[]): number {
  const at = entries.findLastIndex(({ role }) => role === 'assistant');
  return at < 0 ? entries.length : at;
}

const shortenOld = (entries: readonly Entry[], target: number): Entry[] =>
  replaceOld(entries, target, (entry) => ({ ...entry, text: cutMiddle(entry.text, SHORTENED) }));

const dropOld = (entries: readonly Entry[], target: number): Entry[] =>
  replaceOld(entries, target, (entry) => ({ ...entry, text: DROPPED }));

function replaceOld(
  entries: readonly Entry[],
  target: number,
  replace: (entry: ToolEntry) => ToolEntry,
): Entry[] {
  let tokens = conversationTokens(entries);
  const end = newestStep(entries);
  return entries.map((entry, at) => {
    if (at >= end || entry.role !== 'tool' || tokens <= target) return entry;
    const replaced = replace(entry);
    if (replaced.text.length >= entry.text.length) return entry;
    tokens -= entryTokens(entry) - entryTokens(replaced);
    return replaced;
  });
}

/** Leaves out steps from the first one on; what stands before it, instructions and task, stays. */
function leaveOutSteps(entries: readonly Entry[], target: number): Entry[] {
  const first = entries.findIndex(({ role }) => role === 'assistant');
  const newest = newestStep(entries);
  if (first < 0 || first === newest) return [...entries];
  let tokens = conversationTokens(entries);
  let keepFrom = first;
  while (keepFrom < newest && tokens > target) {
    do {
      tokens -= entryTokens(entries[keepFrom] as Entry);
      keepFrom += 1;
    } while (keepFrom < newest && entries[keepFrom]?.role !== 'assistant');
  }
  const before = entries.slice(0, first);
  const task = before.at(-1);
  const noted = task?.text.endsWith(LEFT_OUT)
    ? before
    : [...before.slice(0, -1), ...(task ? [{ ...task, text: `${task.text}\n\n${LEFT_OUT}` }] : [])];
  return [...noted, ...entries.slice(keepFrom)];
}

function shortenNewest(entries: readonly Entry[]): Entry[] {
  return entries.map((entry) =>
    entry.role === 'tool' ? { ...entry, text: cutMiddle(entry.text, NEWEST_SHORTENED) } : entry,
  );
}
