import type { TestOrchestrators } from '../../test/support/orchestrators.ts';

/** `clawcage_overrun_tokens_total` of every process that there was: one that is to be killed is read before. */
export class Overruns {
  readonly #all: TestOrchestrators;
  #tokens = 0;

  constructor(all: TestOrchestrators) {
    this.#all = all;
  }

  async readOf(index: number): Promise<void> {
    const one = this.#all.at(index);
    const answer = await fetch(`${one.url}/metrics`, { headers: { authorization: `Bearer ${one.token}` } });
    const lines = (await answer.text())
      .split('\n')
      .filter((line) => line.startsWith('clawcage_overrun_tokens_total'));
    if (answer.status !== 200 || lines.length === 0) throw new Error('The metrics tell nothing of overruns.');
    this.#tokens += lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
  }

  /** In all, those that still run with them. */
  async total(count: number): Promise<number> {
    for (let index = 0; index < count; index++) await this.readOf(index);
    return this.#tokens;
  }
}
