import { textOf, type ChatMessage } from '../chat-request.ts';
import { parseScript, type ScriptCall } from './script.ts';

/** What a script says at the end of its calls. */
export const SCRIPT_ENDED: ScriptCall = [{ verb: 'say', text: 'The script has ended.' }];

/**
 * The call of a script that a conversation has come to, read from the conversation alone: the server keeps no state, so any request
 * may be repeated. The script is that of the newest user message that has one, and each assistant message behind it has used one
 * call up; when it is used up, a newer user message is free of it. Failing that, the system's text may hold one, which starts again
 * at every user message. Undefined where nothing is scripted.
 */
export function scriptedCall(messages: readonly ChatMessage[]): ScriptCall | undefined {
  const newestUser = messages.findLastIndex(isUser);
  for (let at = newestUser; at >= 0; at--) {
    if (!isUser(messages[at]!)) continue;
    const script = parseScript(textOf(messages[at]!));
    if (script === undefined) continue;
    const call = script[turnsAfter(messages, at)];
    if (call !== undefined) return call;
    if (at === newestUser) return SCRIPT_ENDED;
    break;
  }
  const script = parseScript(systemText(messages));
  return script && (script[turnsAfter(messages, newestUser)] ?? SCRIPT_ENDED);
}

/** The text of the system's (or developer's) messages. */
export function systemText(messages: readonly ChatMessage[]): string {
  return messages
    .filter(({ role }) => role === 'system' || role === 'developer')
    .map(textOf)
    .join('\n');
}

/** What the tools answered since the newest user message, oldest first. */
export function toolResults(messages: readonly ChatMessage[]): string[] {
  return messages
    .slice(messages.findLastIndex(isUser) + 1)
    .filter(({ role }) => role === 'tool')
    .map(textOf);
}

/** The newest user message together with those right before it. */
export function newestUserText(messages: readonly ChatMessage[]): string {
  const last = messages.findLastIndex(isUser);
  let first = last;
  while (first > 0 && isUser(messages[first - 1]!)) first--;
  return messages
    .slice(Math.max(first, 0), last + 1)
    .map(textOf)
    .join('\n');
}

function turnsAfter(messages: readonly ChatMessage[], at: number): number {
  return messages.slice(at + 1).filter(({ role }) => role === 'assistant').length;
}

function isUser({ role }: ChatMessage): boolean {
  return role === 'user';
}
