import { text as readText } from 'node:stream/consumers';
import { parse } from 'yaml';
import { taskFunction, type TaskCreate, type TaskFunction } from '#protocol/api.ts';
import { readUtf8 } from '../claw-file/sources.ts';
import { failure } from '../failure.ts';
import type { Terminal } from '../terminal/terminal.ts';
import { readTaskFiles, readTaskImages } from './files.ts';

/** What `run` takes of a task's content and of its time. */
export interface InputOptions {
  readonly file: readonly string[];
  readonly image: readonly string[];
  readonly schema?: string;
  readonly jsonAnswer?: boolean;
  readonly functions?: string;
  readonly priority?: number;
  readonly timeout?: number;
  readonly notBefore?: string;
  readonly delay?: number;
  readonly deadline?: string;
  readonly webhook?: string;
}

/** The task as the API takes it. `usage_invalid` names the option whose file cannot be read or makes no sense. */
export async function readInput(
  terminal: Terminal,
  text: string,
  options: InputOptions,
): Promise<TaskCreate> {
  const { schema, jsonAnswer, functions, priority, timeout, notBefore, delay, deadline, webhook } = options;
  if (schema !== undefined && jsonAnswer)
    throw failure('usage_invalid', { '--schema': 'asks for JSON already: leave --json-answer out' });
  if (notBefore !== undefined && delay !== undefined)
    throw failure('usage_invalid', { '--delay': 'give this or --not-before' });
  return {
    text: text === '-' ? await readText(terminal.stdin) : text,
    files: await readTaskFiles(options.file),
    ...(options.image.length > 0 && { images: await readTaskImages(options.image) }),
    ...(schema !== undefined && {
      answer: { type: 'json_schema' as const, schema: await readSchema(schema) },
    }),
    ...(jsonAnswer && { answer: { type: 'json' as const } }),
    ...(functions !== undefined && { functions: await readFunctions(functions) }),
    ...(priority !== undefined && { priority }),
    ...(timeout !== undefined && { timeoutMs: timeout }),
    ...(notBefore !== undefined && { notBefore }),
    ...(delay !== undefined && { delayMs: delay }),
    ...(deadline !== undefined && { deadline }),
    ...(webhook !== undefined && { webhook }),
  };
}

async function readSchema(path: string): Promise<Record<string, unknown>> {
  const schema = await readData(path, '--schema');
  if (typeof schema !== 'object' || schema === null || Array.isArray(schema))
    throw failure('usage_invalid', { '--schema': `${path} is no JSON Schema: it has to be an object` });
  return schema as Record<string, unknown>;
}

/** A list of `{name, description, parameters}`, also in the form of OpenAI's `tools`. */
async function readFunctions(path: string): Promise<TaskFunction[]> {
  const list = await readData(path, '--functions');
  if (!Array.isArray(list))
    throw failure('usage_invalid', { '--functions': `${path} is no list of functions` });
  return list.map((given: unknown, index) => {
    const wrapped = given as { type?: unknown; function?: unknown } | null;
    const parsed = taskFunction.safeParse(
      wrapped?.type === 'function' ? (wrapped.function ?? withoutType(given)) : given,
    );
    if (parsed.success) return parsed.data;
    const [issue] = parsed.error.issues;
    const field = [index, ...(issue?.path ?? [])].map(String).join('.');
    throw failure('usage_invalid', { '--functions': `${path}: ${field}: ${issue?.message ?? 'is wrong'}` });
  });
}

/** The flat form of a tool in the responses API: `{type, name, description, parameters, strict}`. */
function withoutType(given: unknown): object {
  const { type: _type, strict: _strict, ...fields } = given as Record<string, unknown>;
  return fields;
}

/** JSON, or YAML, of which it is a part. */
async function readData(path: string, option: string): Promise<unknown> {
  const text = await readUtf8(path);
  try {
    return parse(text);
  } catch {
    throw failure('usage_invalid', { [option]: `${path} is neither JSON nor YAML` });
  }
}
