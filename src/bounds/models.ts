import type { ModelFacts } from './model-facts.ts';
import { FAMILIES, UNKNOWN, UNKNOWN_OPENAI } from './model-table.ts';

/** What is known of a model by its name; safe assumptions where nothing is. */
export function factsOf(model: string): ModelFacts {
  const family = FAMILIES.find(([prefix]) => model.startsWith(prefix) || `${model}-` === prefix);
  if (family) return family[1];
  return /^(gpt-\d|o\d|chatgpt-)/.test(model) ? UNKNOWN_OPENAI : UNKNOWN;
}
