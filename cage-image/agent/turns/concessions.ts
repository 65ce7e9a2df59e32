import { APIError } from 'openai';

/**
 * Fields that make a call better but that not every server knows. A 400 that names one is answered by leaving it out from then
 * on: local servers say so in words of their own, so the words are searched for the field's names.
 */
export class Concessions<Field extends string> {
  readonly #names: Readonly<Record<Field, RegExp>>;
  readonly #given = new Set<Field>();

  constructor(names: Readonly<Record<Field, RegExp>>) {
    this.#names = names;
  }

  keeps(field: Field): boolean {
    return !this.#given.has(field);
  }

  /** Calls `send` again without a field for as long as the error names one that is `inUse` and was still sent; other errors are thrown on. */
  async calling<T>(inUse: readonly Field[], send: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await send();
      } catch (error) {
        const field = inUse.find((each) => this.keeps(each) && this.#blames(error, each));
        if (field === undefined) throw error;
        this.#given.add(field);
      }
    }
  }

  #blames(error: unknown, field: Field): boolean {
    if (!(error instanceof APIError) || (error.status !== 400 && error.status !== 422)) return false;
    // The meter's own refusals are no matter of what a server knows.
    if (error.headers?.get('x-clawcage-error')) return false;
    return this.#names[field].test(`${error.param ?? ''} ${error.message}`);
  }
}
