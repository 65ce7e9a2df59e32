import type { Runner } from './runner.ts';

/** So many of the newest words are told again to books that may lack them. */
const KEPT = 10_000;

/** That a call or a task is over, or a task's attempts so far; or who has it now. Told twice it changes nothing. */
export interface Word {
  readonly script: 'settle' | 'forget' | 'fence';
  readonly args: readonly (string | number)[];
}

/** What Redis has to hear sooner or later: where it cannot now, it is told when it can. The newest word counts, by the key that it is about. */
export class Words {
  readonly #runner: Pick<Runner, 'run'>;
  readonly #unheard = new Map<string, Word>();
  /** What it has heard, the newest last. */
  readonly #heard = new Map<string, Word>();
  #isTelling = false;

  constructor(runner: Pick<Runner, 'run'>) {
    this.#runner = runner;
  }

  /** To be told by the next look. */
  later(key: string, word: Word): void {
    this.#unheard.set(key, word);
  }

  /** What was to be told is out of date. */
  drop(key: string): void {
    this.#unheard.delete(key);
  }

  /** Now, or by a later look. Never rejects. */
  async tell(key: string, word: Word): Promise<void> {
    this.later(key, word);
    await this.#isHeard(key, word);
  }

  /** It heard this some other way. */
  told(key: string, word: Word): void {
    this.#heard.delete(key);
    this.#heard.set(key, word);
    for (const oldest of this.#heard.keys()) {
      if (this.#heard.size <= KEPT) break;
      this.#heard.delete(oldest);
    }
  }

  /** Its books are others, maybe those of a while ago: what it was told since it hears again, as else calls that are over would be under way there. */
  tellAgain(): void {
    for (const [key, word] of this.#heard) if (!this.#unheard.has(key)) this.later(key, word);
    this.#heard.clear();
  }

  /** Redis answers: to be called again and again, as it may answer and yet take no writes. Never rejects. */
  async tellUnheard(): Promise<void> {
    if (this.#isTelling) return;
    this.#isTelling = true;
    for (const [key, word] of this.#unheard) {
      if (await this.#isHeard(key, word)) continue;
      // What keeps Redis from one mostly keeps it from all. Where it is this one's own trouble, the others come first the next time.
      if (this.#unheard.delete(key)) this.#unheard.set(key, word);
      break;
    }
    this.#isTelling = false;
  }

  async #isHeard(key: string, word: Word): Promise<boolean> {
    try {
      await this.#runner.run(word.script, [key], word.args);
      if (this.#unheard.get(key) === word) this.#unheard.delete(key);
      this.told(key, word);
      return true;
    } catch {
      return false;
    }
  }
}
