import type { AgentTask } from '../task.ts';
import type { WireForm } from '../turns/model-turns.ts';
import type { Verdict } from './check-schema.ts';
import { isStrict } from './strict-schema.ts';

/** A schema up to this length stands in the instructions from the start: servers that pass over the form they are asked for read it there. */
const SHORT_SCHEMA = 4096;

/** The form that a task's answer has to have. */
export interface AnswerForm {
  readonly wire: WireForm;
  /** For the instructions; empty for text. */
  readonly rule: string;
  /** What a model is told whose answer does not fit. */
  repair(errors: readonly string[]): string;
  /** The answer as it is given out, or what is wrong with it. */
  check(text: string): Promise<Verdict & { readonly answer: string }>;
}

export function answerForm(asked: AgentTask['task']['answer']): AnswerForm {
  switch (asked.type) {
    case 'text':
      return {
        wire: { type: 'text' },
        rule: '',
        repair: () => '',
        check: (answer) => Promise.resolve({ valid: true, answer }),
      };
    case 'json':
      return {
        wire: { type: 'json' },
        rule: RULE,
        repair: (errors) => `${notFitting(errors)} ${RULE}`,
        check: (text) => checkAnswer(text, undefined),
      };
    case 'json_schema': {
      const schema = JSON.stringify(asked.schema);
      const full = `${RULE} It has to fit this JSON schema: ${schema}`;
      const strict = isStrict(asked.schema);
      return {
        wire: { type: 'json_schema', schema: asked.schema, strict },
        rule: !strict || schema.length <= SHORT_SCHEMA ? full : RULE,
        repair: (errors) => `${notFitting(errors)} ${full}`,
        check: (text) => checkAnswer(text, asked.schema),
      };
    }
  }
}

const RULE =
  'Your final answer has to be one JSON object and nothing else: no text around it, no code fence.';

function notFitting(errors: readonly string[]): string {
  return `Your answer does not fit: ${errors.join('; ')}. Give the whole answer again.`;
}

async function checkAnswer(text: string, schema: Readonly<Record<string, unknown>> | undefined) {
  const answer = unfenced(text);
  // The validator is loaded only by tasks that need it.
  const { checkSchema } = await import('./check-schema.ts');
  return { ...checkSchema(answer, schema), answer };
}

/** Models that are not held to a form like to put JSON into a code fence. */
function unfenced(text: string): string {
  const trimmed = text.trim();
  return /^```(?:json)?\s*\n([^]*?)\n\s*```$/i.exec(trimmed)?.[1]?.trim() ?? trimmed;
}
