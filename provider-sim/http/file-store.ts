/** https://platform.openai.com/docs/api-reference/files/object */
export interface FileObject {
  readonly id: string;
  readonly object: 'file';
  readonly bytes: number;
  readonly created_at: number;
  readonly expires_at: number | null;
  readonly filename: string;
  readonly purpose: string;
  readonly status: 'processed';
  readonly status_details: null;
}

export interface StoredFile {
  readonly about: FileObject;
  readonly content: Buffer;
}

/** The files of each key, as long as the process lives. */
export class FileStore {
  readonly #byKey = new Map<string, Map<string, StoredFile>>();

  put(key: string, file: StoredFile): void {
    const own = this.#byKey.get(key) ?? new Map<string, StoredFile>();
    this.#byKey.set(key, own);
    own.set(file.about.id, file);
  }

  get(key: string, id: string): StoredFile | undefined {
    return this.#byKey.get(key)?.get(id);
  }

  delete(key: string, id: string): void {
    this.#byKey.get(key)?.delete(id);
  }

  /** Oldest first. */
  list(key: string): FileObject[] {
    return [...(this.#byKey.get(key)?.values() ?? [])].map(({ about }) => about);
  }
}
