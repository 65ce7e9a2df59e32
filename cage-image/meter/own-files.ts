import { CodedError } from '#errors/coded-error.ts';

/** A file of the provider's as it described it, at least its id. */
export type FileObject = Readonly<Record<string, unknown>> & { readonly id: string };

/** The files that this task has made at the provider. Nothing else that the key can see there is the agent's. */
export class OwnFiles {
  readonly #files = new Map<string, FileObject>();

  /** Takes in what the provider says of a file after its upload; whatever else it is passes by. */
  created(value: unknown): void {
    if (isFile(value)) this.#files.set(value.id, value);
  }

  /** The newer description of a file that is here. */
  described(value: unknown): void {
    if (isFile(value) && this.#files.has(value.id)) this.#files.set(value.id, value);
  }

  deleted(id: string): void {
    this.#files.delete(id);
  }

  /** Throws `meter_file_unknown` for a file that this task did not make. */
  check(id: string): void {
    if (!this.#files.has(id)) throw new CodedError('meter_file_unknown');
  }

  /** A page of them in the form of the API; `after`, `limit`, `order` and `purpose` as there, newest first. */
  page(query: URLSearchParams): object {
    const purpose = query.get('purpose');
    const all = [...this.#files.values()].filter((file) => purpose === null || file['purpose'] === purpose);
    if (query.get('order') !== 'asc') all.reverse();
    const from = all.findIndex((file) => file.id === query.get('after')) + 1;
    const limit = limitOf(query.get('limit'));
    const data = all.slice(from, from + limit);
    return {
      object: 'list',
      data,
      first_id: data[0]?.id ?? null,
      last_id: data.at(-1)?.id ?? null,
      has_more: from + limit < all.length,
    };
  }
}

const MOST = 10_000;

function limitOf(text: string | null): number {
  if (text === null) return MOST;
  const limit = Number(text);
  if (Number.isSafeInteger(limit) && limit >= 1 && limit <= MOST) return limit;
  throw new CodedError('meter_request_invalid', { field: 'limit', reason: `It takes 1 to ${MOST}.` });
}

function isFile(value: unknown): value is FileObject {
  return typeof value === 'object' && value !== null && typeof (value as { id?: unknown }).id === 'string';
}
