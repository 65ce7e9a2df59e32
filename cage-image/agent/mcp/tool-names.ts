import { createHash } from 'node:crypto';

/** What the APIs take as the name of a function. */
const MAX_LENGTH = 64;

/** Names for the tools of MCP servers, `<server>_<tool>`: 64 characters of `[a-zA-Z0-9_-]`, each given once. */
export class ToolNames {
  readonly #taken: Set<string>;

  constructor(taken: ReadonlySet<string>) {
    this.#taken = new Set(taken);
  }

  of(server: string, tool: string): string {
    const full = `${server}_${tool}`.replace(/[^a-zA-Z0-9_-]/g, '_');
    // What is cut off or replaced lives on in a hash, so that a name does not depend on the order of the tools.
    const hash = createHash('sha256').update(`${server}\0${tool}`).digest('hex').slice(0, 8);
    let name = full.length <= MAX_LENGTH ? full : `${full.slice(0, MAX_LENGTH - 9)}_${hash}`;
    if (this.#taken.has(name)) name = `${full.slice(0, MAX_LENGTH - 9)}_${hash}`;
    this.#taken.add(name);
    return name;
  }
}
