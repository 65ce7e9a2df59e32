import { basename } from 'node:path';
import type { ChatMessage, ChatRequest } from '../chat-request.ts';
import { givenFiles } from './given-files.ts';
import { readTool, shellTool, type OfferedTool } from './offered-tools.ts';
import type { Part, Plan } from './plan.ts';
import { newestUserText, toolResults } from './position.ts';
import { countsInWords, countText, parseWc, wantedCounts, wcCommand, type Wanted } from './word-count.ts';

const WHAT_I_AM =
  'Hello! I am a simulated model that ClawCage brings along for trying things out. Ask me to count the words and lines of a file, ' +
  'to list the files or to read one, and offer me a tool to do it with; or send me a script, as my README describes.';
const LONGEST_QUOTE = 4000;

/** Two things that can be asked for with a tool: the command for it, and what to say to its output. */
interface Errand {
  readonly tool: OfferedTool;
  readonly value: string;
  report(output: string): string;
}

/** What the simulated model does without a script: a plain request that it understands, by a tool that it is offered; else it says what it is. */
export function unscriptedPlan(request: ChatRequest): Plan {
  const errand = request.tool_choice === 'none' ? undefined : errandOf(request);
  const results = toolResults(request.messages);
  return { parts: [nextPart(errand, results)], reportsUsage: true };
}

function nextPart(errand: Errand | undefined, results: readonly string[]): Part {
  if (errand === undefined) return say(results.length > 0 ? 'Done.' : WHAT_I_AM);
  if (results.length > 0) return say(errand.report(results.map(plainOutput).join('\n')));
  return { kind: 'call', name: errand.tool.name, args: errand.tool.arguments(errand.value) };
}

function errandOf({ messages, tools }: ChatRequest): Errand | undefined {
  const text = newestUserText(messages);
  const shell = shellTool(tools ?? []);
  const wanted = wantedCounts(text);
  if (wanted !== undefined)
    return shell ? countByShell(shell, messages, wanted) : countByReading(tools ?? [], messages, wanted);
  if (shell === undefined) return undefined;
  if (/\b(list|which|what)\b.*\bfiles\b/i.test(text))
    return {
      tool: shell,
      value: 'ls -1 /work/in',
      report: (output) => `These files are there:\n${quoted(output)}`,
    };
  if (
    /\b(read|show|print|display|contents?)\b/i.test(text) &&
    /\bfiles?\b|\/work\/in\/|\.\w{1,5}\b/i.test(text)
  )
    return { tool: shell, value: `cat ${givenFiles(messages).join(' ')}`, report: quoted };
  return undefined;
}

function countByShell(tool: OfferedTool, messages: readonly ChatMessage[], wanted: Wanted): Errand {
  return {
    tool,
    value: wcCommand(givenFiles(messages), wanted),
    report: (output) =>
      countsInWords(parseWc(output, wanted), wanted) || `I could not count: the tool said\n${quoted(output)}`,
  };
}

function countByReading(
  tools: ChatRequest['tools'] & object,
  messages: readonly ChatMessage[],
  wanted: Wanted,
): Errand | undefined {
  const tool = readTool(tools);
  const [file = ''] = givenFiles(messages);
  if (tool === undefined || file.endsWith('*')) return undefined;
  return {
    tool,
    value: file,
    report: (output) => countsInWords([countText(basename(file), output)], wanted),
  };
}

/** What a tool printed, where its result is JSON around it. */
function plainOutput(result: string): string {
  try {
    const parsed = JSON.parse(result) as Record<string, unknown> | null;
    const texts = ['stdout', 'output', 'content', 'text', 'result'].map((name) => parsed?.[name]);
    return texts.find((text): text is string => typeof text === 'string') ?? result;
  } catch {
    return result;
  }
}

function quoted(output: string): string {
  return output.length > LONGEST_QUOTE ? `${output.slice(0, LONGEST_QUOTE)}…` : output.trimEnd();
}

function say(text: string): Part {
  return { kind: 'text', text };
}
