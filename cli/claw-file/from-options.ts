import { parse } from 'yaml';
import type { ClawForm } from '#claw/document.ts';
import { failure } from '../failure.ts';
import { capGiven, type CapOption } from '../terminal/cap-option.ts';
import { checkDocument, type Checked } from './check.ts';
import { findSecrets, SECRET_REMEDY } from './secret-scan.ts';

/** What `claws create` and `claws update` take beside the name. */
export interface ClawOptions {
  readonly model?: string;
  readonly key?: string;
  readonly instructions?: string;
  readonly rpm?: CapOption;
  readonly tpm?: CapOption;
  readonly command?: string;
  readonly image?: string;
  readonly concurrency?: number;
  readonly egress?: readonly string[];
  readonly option?: readonly string[];
}

/** The document that options make of another (of a new Claw: its name alone). `usage_invalid` names the option that is wrong. */
export function withOptions(form: Partial<ClawForm> & { name: string }, options: ClawOptions): Checked {
  const value = structuredClone(form) as Record<string, unknown>;
  for (const [path, given] of fromFlags(options, value)) set(value, path, given);
  for (const option of options.option ?? []) set(value, ...readOption(option));
  const checked = checkDocument(value);
  if ('settings' in checked) return checked;
  const problems = checked.map(({ path, key, problem }) => {
    const field = [...path, ...(key === undefined ? [] : [key])].map(String).join('.');
    return `${flagOf(field)}: ${problem}`;
  });
  throw failure('usage_invalid', { problems });
}

const FLAGS: Readonly<Record<string, string>> = {
  name: 'name',
  model: '--model',
  key: '--key',
  instructions: '--instructions',
  requestsPerMinute: '--rpm',
  tokensPerMinute: '--tpm',
  concurrency: '--concurrency',
  egress: '--egress',
  'agent.image': '--image',
};
const flagOf = (field: string): string =>
  FLAGS[field] ?? FLAGS[field.replace(/\.\d+$/, '')] ?? `--option ${field}`;

function* fromFlags(options: ClawOptions, form: Record<string, unknown>): Generator<[string, unknown]> {
  const { model, key, instructions, rpm, tpm, command, image, concurrency, egress } = options;
  if (model !== undefined) yield ['model', model];
  if (key !== undefined) yield ['key', key];
  if (instructions !== undefined) yield ['instructions', instructions];
  if (rpm !== undefined) yield ['requestsPerMinute', capGiven(rpm)];
  if (tpm !== undefined) yield ['tokensPerMinute', capGiven(tpm)];
  if (image !== undefined) yield ['agent.image', image];
  if (concurrency !== undefined) yield ['concurrency', concurrency];
  if (egress !== undefined) yield ['egress', [...egress]];
  if (command !== undefined) yield ['agent.command', [shellOf(image, form), '-c', command]];
}

/** Ours has bash; of another image only sh is to be expected. */
function shellOf(image: string | undefined, form: Record<string, unknown>): string {
  const agent = form.agent as { image?: string | null } | undefined;
  return (image ?? agent?.image ?? null) === null ? 'bash' : 'sh';
}

/** `retry.attempts=5`: a field's path and a value in YAML. */
function readOption(option: string): [string, unknown] {
  const at = option.indexOf('=');
  if (at < 1) throw failure('usage_invalid', { '--option': 'KEY=VALUE, such as retry.attempts=5' });
  const [path, text] = [option.slice(0, at).trim(), option.slice(at + 1)];
  if (path === 'name') throw failure('usage_invalid', { '--option': 'the name cannot be set this way' });
  if (findSecrets(text).length > 0) throw failure('usage_invalid', { [`--option ${path}`]: SECRET_REMEDY });
  try {
    return [path, parse(text, { maxAliasCount: 0 })];
  } catch {
    throw failure('usage_invalid', {
      [`--option ${path}`]: 'the value is not YAML: quote it, such as \'models.images=["a"]\'',
    });
  }
}

const FORBIDDEN = ['__proto__', 'constructor', 'prototype'];

function set(value: Record<string, unknown>, path: string, given: unknown): void {
  const steps = path.split('.');
  const last = steps.pop()!;
  if ([...steps, last].some((step) => step === '' || FORBIDDEN.includes(step)))
    throw failure('usage_invalid', { '--option': `${path} is no field of a Claw` });
  let at = value;
  for (const step of steps) {
    const below = at[step];
    if (typeof below !== 'object' || below === null || Array.isArray(below)) at[step] = {};
    at = at[step] as Record<string, unknown>;
  }
  at[last] = given;
}
