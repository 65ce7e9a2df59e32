import { CodedError } from '#errors/coded-error.ts';
import { factsOf } from '#bounds/models.ts';
import { conversationTokens, definitionTokens } from './context/estimate.ts';
import { fitContext } from './context/fit-context.ts';
import type { Entry } from './conversation.ts';
import { withNote } from './conversation.ts';
import { tooLong } from './failure.ts';
import type { Report } from './report.ts';
import type { AgentTask } from './task.ts';
import { BrokenOff } from './turns/broken-off.ts';
import type { ModelTurns, ToolDefinition, Turn, TurnRequest } from './turns/model-turns.ts';

const TRIES_OF_A_STEP = 3;
/** For models of which nothing is known. */
const DEFAULT_WINDOW = 128_000;
/** What the answer gets of the window, where the Claw does not say. */
const ANSWER_SHARE = 0.25;
const MAX_ANSWER_TOKENS = 16_384;
/** For what the estimate does not see. */
const SAFETY = 0.95;
/** After provider or limiter said that it is too much: so much of what we took it for. */
const SECOND_TRY_SHARE = 0.7;

/** Puts the conversation before the model, kept within its window, and tries a step again where its answer broke off. */
export class Asking {
  readonly #turns: ModelTurns;
  readonly #report: Report;
  readonly #tools: readonly ToolDefinition[];
  readonly #budget: number;

  constructor(turns: ModelTurns, claw: AgentTask['claw'], tools: readonly ToolDefinition[], report: Report) {
    this.#turns = turns;
    this.#report = report;
    this.#tools = tools;
    this.#budget = inputBudget(claw) - definitionTokens(tools);
  }

  /**
   * One step. `entries` is made smaller in place where it has outgrown the window. Errors: `agent_failed` where it cannot be made small enough,
   * `provider_unreachable` where the answer breaks off every time, or what the client throws.
   */
  async next(
    entries: Entry[],
    step: { readonly note: string } & Pick<TurnRequest, 'mayCall' | 'form'>,
  ): Promise<Turn> {
    this.#fit(entries, this.#budget);
    try {
      return await this.#tryStep(entries, step);
    } catch (error) {
      if (!tooLong(error)) throw error;
      this.#fit(entries, conversationTokens(entries) * SECOND_TRY_SHARE, error);
      return this.#tryStep(entries, step);
    }
  }

  #fit(entries: Entry[], budget: number, cause?: unknown): void {
    try {
      const fitted = fitContext(entries, budget);
      if (!fitted.changed) return;
      this.#report({ kind: 'status', status: 'older tool outputs were shortened to fit the model’s window' });
      entries.splice(0, entries.length, ...fitted.entries);
    } catch (error) {
      // Where the provider itself has spoken, its words say more than our estimate.
      throw cause ?? error;
    }
  }

  async #tryStep(
    entries: readonly Entry[],
    { note, mayCall, form }: { readonly note: string } & Pick<TurnRequest, 'mayCall' | 'form'>,
  ): Promise<Turn> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#turns.next({
          entries: withNote(entries, note),
          tools: this.#tools,
          mayCall,
          form,
          onText: (text) => this.#report({ kind: 'text', text }),
        });
      } catch (error) {
        if (!(error instanceof BrokenOff)) throw error;
        if (attempt >= TRIES_OF_A_STEP)
          throw new CodedError('provider_unreachable', { reason: 'The answer broke off.' }, { cause: error });
        this.#report({ kind: 'status', status: 'the answer broke off, asking again' });
      }
    }
  }
}

/** Tokens of the window that the conversation and the tools may take. */
function inputBudget(claw: AgentTask['claw']): number {
  const window = claw.contextTokens ?? factsOf(claw.model).contextTokens ?? DEFAULT_WINDOW;
  const answer = claw.maxOutputTokens ?? Math.min(MAX_ANSWER_TOKENS, window * ANSWER_SHARE);
  return Math.max(window - answer, window * ANSWER_SHARE) * SAFETY;
}
