import { basename } from 'node:path';
import type { ChatMessage, Tool } from '../chat-request.ts';
import { describeImage } from '../image-facts.ts';
import type { Prompt } from '../prompt.ts';
import { givenFiles } from './given-files.ts';
import { readTool, shellTool, type OfferedTool } from './offered-tools.ts';
import { imagesIn } from './images-in.ts';
import type { Part, Plan } from './plan.ts';
import { newestUserText, toolResults } from './position.ts';
import { valueFor } from './schema-value.ts';
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
export function unscriptedPlan(prompt: Prompt): Plan {
  const errand = prompt.tool_choice === 'none' ? undefined : errandOf(prompt);
  const next = inFormat(prompt, nextPart(prompt, errand, toolResults(prompt.messages)));
  const { reasoningTokens: tokens = 0 } = prompt;
  return { parts: tokens > 0 ? [{ kind: 'reason', tokens }, next] : [next], reportsUsage: true };
}

/** A text in the form that was asked for. */
function inFormat({ format }: Prompt, part: Part): Part {
  if (part.kind !== 'text' || format === undefined || format.type === 'text') return part;
  const value = format.type === 'json_object' ? { answer: part.text } : valueFor(format.schema, part.text);
  return say(JSON.stringify(value));
}

function nextPart(prompt: Prompt, errand: Errand | undefined, results: readonly string[]): Part {
  if (errand === undefined) return say(results.length > 0 ? 'Done.' : withoutErrand(prompt));
  if (results.length > 0) return say(errand.report(results.map(plainOutput).join('\n')));
  return { kind: 'call', name: errand.tool.name, args: errand.tool.arguments(errand.value) };
}

function withoutErrand({ messages }: Prompt): string {
  const images = imagesIn(messages).map(describeImage);
  if (images.length === 0) return WHAT_I_AM;
  return `I see ${images.length === 1 ? 'one image' : `${images.length} images`}: ${images.join('; ')}.`;
}

function errandOf({ messages, tools }: Prompt): Errand | undefined {
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
  tools: readonly Tool[],
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
