import { CodedError } from '#errors/coded-error.ts';
import type { FormPart } from './form-part.ts';

/** Which fields a form may have, each once but for those that end in `[]`. */
export interface FormShape {
  readonly texts: readonly string[];
  readonly files: readonly string[];
}

/** A form as it was understood. */
export interface ReadFields {
  readonly texts: ReadonlyMap<string, string>;
  readonly files: readonly FormPart[];
}

const MOST_TEXT_BYTES = 1024 * 1024;

/** Throws `meter_unbounded` for a field that is not of the shape, `meter_request_invalid` for one that comes twice or as the wrong kind. */
export function formFields(parts: readonly FormPart[], shape: FormShape): ReadFields {
  const texts = new Map<string, string>();
  const files: FormPart[] = [];
  const seen = new Set<string>();
  for (const part of parts) {
    if (seen.has(part.name) && !part.name.endsWith('[]')) throw invalid(part.name, 'It stands there twice.');
    seen.add(part.name);
    if (shape.files.includes(part.name)) files.push(fileOf(part));
    else if (shape.texts.includes(part.name)) texts.set(part.name, textOf(part));
    else
      throw new CodedError('meter_unbounded', {
        field: part.name,
        reason: 'what this field costs is not known',
      });
  }
  return { texts, files };
}

/** The first text of these names, as the bounds know it: numbers as numbers, yes and no as such. */
export function asRequest(texts: ReadonlyMap<string, string>): Record<string, unknown> {
  const entries = [...texts].map(([name, text]) => [name.replace(/\[.*$/, ''), valueOf(name, text)]);
  return Object.fromEntries(entries) as Record<string, unknown>;
}

const NUMBERS = new Set(['n', 'partial_images', 'output_compression', 'temperature']);

function valueOf(name: string, text: string): unknown {
  if (NUMBERS.has(name)) {
    if (!/^\d{1,10}(\.\d{1,10})?$/.test(text)) throw invalid(name, 'It takes a number.');
    return Number(text);
  }
  return text;
}

function fileOf(part: FormPart): FormPart {
  if (part.filename === undefined) throw invalid(part.name, 'It takes a file with a name.');
  return part;
}

function textOf(part: FormPart): string {
  if (part.filename !== undefined) throw invalid(part.name, 'It takes a text, not a file.');
  if (part.content.length > MOST_TEXT_BYTES) throw invalid(part.name, 'It is longer than 1 MiB.');
  const text = part.content.toString('utf8');
  if (!Buffer.from(text, 'utf8').equals(part.content)) throw invalid(part.name, 'It is not UTF-8.');
  return text;
}

const invalid = (field: string, reason: string): CodedError =>
  new CodedError('meter_request_invalid', { field, reason });
