import type { Books } from '../books.ts';
import type { Windows } from '../windows.ts';
import type { Attempts } from '../model/attempts.ts';
import type { PromptCache } from '../prompt-cache.ts';
import type { Exchange } from './exchange.ts';
import type { FileStore } from './file-store.ts';
import type { ResponseStore } from './responses/response-store.ts';

/** What a provider of ours is made of. */
export interface Provider {
  readonly keys: ReadonlySet<string>;
  readonly models: readonly string[];
  readonly books: Books;
  readonly attempts: Attempts;
  readonly windows: Windows;
  readonly cache: PromptCache;
  readonly files: FileStore;
  readonly responses: ResponseStore;
}

/** One request on its way to its answer: it came with a valid key to a path that is there. */
export interface Visit {
  readonly exchange: Exchange;
  readonly provider: Provider;
  readonly key: string;
  /** What stood for the variable parts of the path, decoded. */
  readonly params: readonly string[];
  readonly query: URLSearchParams;
}
