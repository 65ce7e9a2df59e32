import type { Prompt } from '../prompt.ts';
import { scriptMistake } from '../provider-error.ts';
import { describeImage } from '../image-facts.ts';
import { imagesIn } from './images-in.ts';
import { newestUserText, systemText, toolResults } from './position.ts';
import { withoutScript } from './script.ts';

type Fill = (text: string) => string;

/** Replaces `{{name}}` by what the prompt holds; an unknown name is answered with 400. What is filled in is not read again. */
export function templates(prompt: Prompt, key: string): Fill {
  const { messages } = prompt;
  const values: Record<string, () => string> = {
    last_tool_result: () => toolResults(messages).at(-1) ?? '',
    tool_results: () => toolResults(messages).join('\n'),
    user: () => withoutScript(newestUserText(messages)),
    system: () => withoutScript(systemText(messages)),
    tools: () => (prompt.tools ?? []).map((tool) => tool.function?.name ?? tool.type).join(', '),
    model: () => prompt.model,
    key: () => key,
    images: () => imagesIn(messages).map(describeImage).join('; '),
  };
  return (text) =>
    text.replaceAll(/\{\{(\w+)\}\}/g, (_, name: string) => {
      const value = Object.hasOwn(values, name) ? values[name] : undefined;
      if (value === undefined) throw scriptMistake(`Script: there is no {{${name}}}.`);
      return value();
    });
}

/** Fills in the strings of a JSON value. */
export function fillJson(value: unknown, fill: Fill): unknown {
  if (typeof value === 'string') return fill(value);
  if (Array.isArray(value)) return value.map((item) => fillJson(item, fill));
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, fillJson(item, fill)]));
}
