import { CodedError } from '#errors/coded-error.ts';
import { answerForm, type AnswerForm } from './answer/answer-form.ts';
import { Asking } from './asking.ts';
import type { Entry } from './conversation.ts';
import type { Report } from './report.ts';
import { outlook } from './steps.ts';
import { openingEntries, type AgentTask } from './task.ts';
import type { ToolContext, ToolResult } from './tools/tool.ts';
import type { Toolbox } from './tools/toolbox.ts';
import type { ModelTurns, Turn } from './turns/model-turns.ts';

/** How often an answer that reaches its output limit is gone on with. */
const MAX_CONTINUATIONS = 5;
const MAX_ERRORS_SHOWN = 480;
const GO_ON = 'Your answer was cut off at its output limit: go on exactly where it stopped.';
const SHORTER = 'Your answer was cut off at its output limit: give the whole answer again, shorter.';
const CALL_CUT =
  'The call was cut off at the output limit before it was whole, so nothing was done: do it in smaller parts.';

export interface Work {
  readonly task: AgentTask;
  readonly turns: ModelTurns;
  readonly toolbox: Toolbox;
  readonly context: ToolContext;
  readonly report: Report;
}

/**
 * Asks the model, runs the tools that it calls, tells it the results, until it answers without a call; gives the final answer in the form that was asked for.
 * Errors: `agent_step_limit`, `agent_refused`, `agent_answer_cut`, `agent_answer_invalid`, `agent_failed`, or what the client throws (see failure.ts).
 */
export async function runLoop({ task, turns, toolbox, context, report }: Work): Promise<string> {
  const { maxSteps } = task.claw;
  const form = answerForm(task.task.answer);
  const entries = await openingEntries(task, context.work, form.rule);
  const asking = new Asking(turns, task.claw, toolbox.definitions, report);
  const answer = new AnswerSoFar(form, report);
  const wholeMs = context.remainingMs();
  for (let step = 1; step <= maxSteps; step++) {
    report({ kind: 'status', status: `step ${step}` });
    const view = outlook(step, maxSteps, context.remainingMs(), wholeMs);
    const turn = await asking.next(entries, { ...view, form: form.wire });
    refuseRefusal(turn);
    entries.push({
      role: 'assistant',
      text: turn.text,
      calls: turn.calls,
      ...(turn.carried && { carried: turn.carried }),
    });
    if (turn.calls.length > 0) {
      answer.begin();
      if (step < maxSteps) entries.push(...(await toolEntries(turn, toolbox, report)));
      continue;
    }
    const next = await answer.take(turn);
    if ('final' in next) return next.final;
    if (step === maxSteps) answer.giveUp();
    entries.push({ role: 'user', text: next.ask });
  }
  throw new CodedError('agent_step_limit', { maxSteps });
}

/** The words of a refusal are content: the task's watchers have seen them as text, an error does not repeat them. */
function refuseRefusal(turn: Turn): void {
  if (turn.refusal !== '')
    throw new CodedError('agent_refused', {
      by: 'model',
      reason: 'Its words are in the events of the task.',
    });
  if (turn.ending === 'filtered')
    throw new CodedError('agent_refused', {
      by: 'filter',
      reason: 'The provider’s content filter held the answer back.',
    });
}

async function toolEntries(turn: Turn, toolbox: Toolbox, report: Report): Promise<Entry[]> {
  const whole = turn.ending === 'length' ? turn.calls.filter((call) => isJson(call.arguments)) : turn.calls;
  const results = await toolbox.run(whole, report);
  return turn.calls.map((call) => {
    const at = whole.indexOf(call);
    return { role: 'tool', callId: call.id, name: call.name, text: resultText(results[at]) };
  });
}

/** Models read a failure out of words, since neither API has a place for it. */
function resultText(result: ToolResult | undefined): string {
  if (result === undefined) return CALL_CUT;
  return result.ok ? result.output : `Error: ${result.output}`;
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text || '{}');
    return true;
  } catch {
    return false;
  }
}

/** The answer as it comes together: cut ones are gone on with, ones of the wrong form repaired once. */
class AnswerSoFar {
  readonly #form: AnswerForm;
  readonly #report: Report;
  #text = '';
  #continuations = 0;
  #repaired = false;
  #fault = new CodedError('agent_answer_cut');

  constructor(form: AnswerForm, report: Report) {
    this.#form = form;
    this.#report = report;
  }

  /** What was said before a tool call is no part of the answer. */
  begin(): void {
    this.#text = '';
  }

  /** The final answer, or what the model is to be asked next. */
  async take(turn: Turn): Promise<{ readonly final: string } | { readonly ask: string }> {
    if (turn.ending === 'length') return { ask: this.#goOn(turn) };
    this.#text += turn.text;
    if (this.#text.trim() === '')
      throw new CodedError('agent_failed', { reason: 'The model gave neither an answer nor a tool call.' });
    const verdict = await this.#form.check(this.#text);
    if (verdict.valid) return { final: verdict.answer };
    this.begin();
    this.#fault = new CodedError('agent_answer_invalid', {
      errors: verdict.errors.join('; ').slice(0, MAX_ERRORS_SHOWN),
    });
    if (this.#repaired || verdict.schemaInvalid === true) throw this.#fault;
    this.#repaired = true;
    this.#report({ kind: 'status', status: 'the answer does not fit the form, asking once more' });
    return { ask: this.#form.repair(verdict.forModel) };
  }

  /** There is no step left for another try. */
  giveUp(): never {
    throw this.#fault;
  }

  #goOn(turn: Turn): string {
    this.#fault = new CodedError('agent_answer_cut', { continuations: this.#continuations });
    const json = this.#form.wire.type !== 'text';
    if (turn.text.trim() === '' || this.#continuations >= (json ? 1 : MAX_CONTINUATIONS)) throw this.#fault;
    this.#continuations += 1;
    this.#report({ kind: 'status', status: 'the answer was cut off, going on' });
    if (json) return SHORTER;
    this.#text += turn.text;
    return GO_ON;
  }
}
