import { createHash } from 'node:crypto';
import type { Prompt } from './prompt.ts';

/** https://platform.openai.com/docs/guides/prompt-caching: from 1024 tokens on, in steps of 128. */
const LEAST_TOKENS = 1024;
const STEP_TOKENS = 128;
const BLOCK_CHARACTERS = 512;
const MOST_REMEMBERED = 200_000;

/** Remembers the beginnings of prompts, as hashes, for each key apart. */
export class PromptCache {
  readonly #seen = new Set<string>();

  /** How many of the prompt's tokens are of a beginning that was sent with this key before; from now on it is remembered. */
  cachedTokens(key: string, prompt: Prompt, inputTokens: number): number {
    if (inputTokens < LEAST_TOKENS) return 0;
    const text = textOfPrompt(prompt);
    const hashes = prefixes(key, text);
    const unseen = hashes.findIndex((hash) => !this.#seen.has(hash));
    for (const hash of hashes) this.#remember(hash);
    const known = unseen === -1 ? text.length : unseen * BLOCK_CHARACTERS;
    const tokens = Math.floor((inputTokens * known) / text.length / STEP_TOKENS) * STEP_TOKENS;
    return tokens < LEAST_TOKENS ? 0 : tokens;
  }

  #remember(hash: string): void {
    this.#seen.delete(hash);
    this.#seen.add(hash);
    for (const oldest of this.#seen) {
      if (this.#seen.size <= MOST_REMEMBERED) break;
      this.#seen.delete(oldest);
    }
  }
}

/** In the order in which a provider lays it out; a picture stands there as the hash of its data. */
function textOfPrompt({ model, tools, format, messages }: Prompt): string {
  const head = JSON.stringify([model, tools ?? [], format ?? null]);
  return [head, ...messages.map((message) => JSON.stringify(message))]
    .join('\n')
    .replaceAll(/data:[\w/+.-]+;base64,[A-Za-z0-9+/=]+/g, (data) => sha256(data));
}

/** One hash for each beginning of whole blocks, each of them standing for all before it, and one for the whole. */
function prefixes(key: string, text: string): string[] {
  const hashes: string[] = [];
  let before = sha256(key);
  for (let at = 0; at < text.length; at += BLOCK_CHARACTERS) {
    before = sha256(before + text.slice(at, at + BLOCK_CHARACTERS));
    hashes.push(before);
  }
  return hashes;
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('base64');
}
