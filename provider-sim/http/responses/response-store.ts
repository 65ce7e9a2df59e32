import type { ResponseObject } from './response-object.ts';
import type { InputItem } from './responses-request.ts';

const MOST_KEPT = 1000;

export interface StoredResponse {
  readonly response: ResponseObject;
  /** What this request brought, each with an id. */
  readonly input: readonly (InputItem & { readonly id: string })[];
  /** The whole conversation up to the end of this answer. */
  readonly conversation: readonly InputItem[];
}

/** The responses that a key's owner has not asked not to be stored; the oldest go when there are too many. */
export class ResponseStore {
  readonly #byKey = new Map<string, Map<string, StoredResponse>>();

  put(key: string, stored: StoredResponse): void {
    const own = this.#byKey.get(key) ?? new Map<string, StoredResponse>();
    this.#byKey.set(key, own);
    own.set(stored.response.id, stored);
    for (const oldest of own.keys()) {
      if (own.size <= MOST_KEPT) break;
      own.delete(oldest);
    }
  }

  get(key: string, id: string): StoredResponse | undefined {
    return this.#byKey.get(key)?.get(id);
  }

  delete(key: string, id: string): boolean {
    return this.#byKey.get(key)?.delete(id) ?? false;
  }

  /** An item of any of the key's responses, for `item_reference`. */
  item(key: string, id: string): InputItem | undefined {
    for (const { conversation } of this.#byKey.get(key)?.values() ?? []) {
      const found = conversation.find((item) => item['id'] === id);
      if (found !== undefined) return found;
    }
    return undefined;
  }
}
