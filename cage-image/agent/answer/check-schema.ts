import { Ajv2020, type ErrorObject } from 'ajv/dist/2020.js';

/** `errors` name places and keywords; `forModel` also says what was expected there. Neither holds a value of the answer. */
export type Verdict =
  | { readonly valid: true }
  | {
      readonly valid: false;
      readonly errors: readonly string[];
      readonly forModel: readonly string[];
      /** The schema itself is at fault: no answer can fit it. */
      readonly schemaInvalid?: boolean;
    };

const MAX_ERRORS = 10;
const MAX_PLACE = 100;
const MAX_SAID = 200;

/** Whether an answer is JSON that fits a schema (JSON Schema 2020-12; formats are not checked); without a schema, whether it is a JSON object. */
export function checkSchema(answer: string, schema?: Readonly<Record<string, unknown>>): Verdict {
  let value: unknown;
  try {
    value = JSON.parse(answer);
  } catch {
    return wrong(['It is not JSON']);
  }
  if (schema === undefined) {
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    return isObject ? { valid: true } : wrong(['It is not a JSON object']);
  }
  const compiled = compile(schema);
  if (typeof compiled === 'string')
    return { ...wrong([`The schema is not valid: ${compiled}`]), schemaInvalid: true };
  if (compiled(value)) return { valid: true };
  const errors = (compiled.errors ?? []).slice(0, MAX_ERRORS);
  return {
    valid: false,
    errors: [...new Set(errors.map((error) => `${place(error)} ${error.keyword}`))],
    forModel: errors.map((error) => `${place(error)} ${said(error)}`),
  };
}

type Check = ((value: unknown) => boolean) & { errors?: ErrorObject[] | null };

function compile(schema: Readonly<Record<string, unknown>>): Check | string {
  // Schemas of older drafts are read as of this one: what generators write differs in nothing that matters here.
  const { $schema: _, $async: asynchronous, ...rest } = schema;
  if (asynchronous !== undefined) return '$async is not supported.';
  try {
    const ajv = new Ajv2020({
      strict: false,
      allErrors: true,
      validateFormats: false,
      logger: false,
      addUsedSchema: false,
    });
    return ajv.compile(rest) as Check;
  } catch (error) {
    return (error instanceof Error ? error.message : String(error)).slice(0, MAX_SAID);
  }
}

function wrong(errors: readonly string[]) {
  return { valid: false as const, errors, forModel: errors };
}

/** RFC 6901; `/` for the whole. */
function place({ instancePath }: ErrorObject): string {
  return instancePath === '' ? '/' : instancePath.slice(0, MAX_PLACE);
}

function said({ message, params, keyword }: ErrorObject): string {
  const more = ['allowedValues', 'allowedValue', 'additionalProperty', 'unevaluatedProperty'].flatMap(
    (name) => (name in params ? [JSON.stringify((params as Record<string, unknown>)[name])] : []),
  );
  return [message ?? keyword, ...more].join(' ').slice(0, MAX_SAID);
}
