import { scriptMistake } from '../provider-error.ts';

/** What one line of a script says. README.md of this folder documents the language for its users. */
export type Step =
  | { readonly verb: 'say'; readonly text: string }
  | { readonly verb: 'filler'; readonly tokens: number; readonly perSecond: number | undefined }
  | { readonly verb: 'echo-key' }
  | { readonly verb: 'tool'; readonly name: string; readonly args: unknown }
  | { readonly verb: 'raw-tool'; readonly name: string; readonly text: string }
  | { readonly verb: 'wait'; readonly ms: number }
  | { readonly verb: 'pace'; readonly perSecond: number }
  | { readonly verb: 'no-usage' }
  | { readonly verb: 'note'; readonly text: string }
  | { readonly verb: 'refuse'; readonly text: string }
  | { readonly verb: 'finish'; readonly reason: 'length' | 'content_filter' }
  | { readonly verb: 'reason'; readonly tokens: number }
  | { readonly verb: 'slow-headers'; readonly ms: number }
  | { readonly verb: 'trickle'; readonly bytes: number; readonly everyMs: number }
  | Fault;

/** A step that spoils its call: always, or for the first `times` of the requests that reach it. */
export type Fault = { readonly times: number; readonly afterTokens: number | undefined } & (
  | { readonly verb: 'cut' | 'malformed-json' | 'wrong-type' | 'big-header' }
  | {
      readonly verb: 'fail';
      readonly status: number;
      readonly retryAfterSeconds: number | undefined;
      readonly echoKey: boolean;
    }
);

/** The steps that answer one request. */
export type ScriptCall = readonly Step[];

interface Line {
  readonly steps: readonly Step[];
  /** `joins`: belongs to the call before it. `ends`: the call's last line, unless another joins it. */
  readonly joins?: boolean;
  readonly ends?: boolean;
}

const LINE = /^\s*@([a-z][a-z-]*)(?:[ \t]+(.*?))?\s*$/;
const LONGEST_SCRIPT = 10_000;

const VERBS: Record<string, (rest: string) => Line> = {
  say: (rest) => ({ steps: [say(rest)] }),
  answer: (rest) => ({ steps: [say(rest)], ends: true }),
  stream: (rest) => {
    const [, tokens, perSecond] = read(
      rest,
      /^(\d+) tokens?(?: at ([\d.]+)\/s)?$/,
      '@stream N tokens [at R/s]',
    );
    return {
      steps: [{ verb: 'filler', tokens: bounded(tokens, 200_000), perSecond: optional(perSecond, rate) }],
    };
  },
  'echo-key': (rest) => {
    read(rest, /^$/, '@echo-key');
    return { steps: [{ verb: 'echo-key' }] };
  },
  tool: (rest) => ({ steps: [tool(rest, '@tool NAME {json}')], ends: true }),
  also: (rest) => ({ steps: [tool(rest, '@also NAME {json}')], ends: true, joins: true }),
  'raw-tool': (rest) => {
    const [, name = '', text = ''] = read(rest, /^([\w-]+)(?:\s+(.*))?$/, '@raw-tool NAME TEXT');
    return { steps: [{ verb: 'raw-tool', name, text }], ends: true };
  },
  wait: (rest) => ({ steps: [{ verb: 'wait', ms: duration(rest, '@wait 300ms | 3s | 1m') }] }),
  'slow-headers': (rest) => ({
    steps: [{ verb: 'slow-headers', ms: duration(rest, '@slow-headers 300ms | 3s | 1m') }],
  }),
  trickle: (rest) => {
    const [, bytes, every] = read(
      rest,
      /^(?:(\d+) bytes?)?(?:(?:^| )every (\d+)\s*ms)?$/,
      '@trickle [N bytes] [every N ms]',
    );
    return {
      steps: [
        {
          verb: 'trickle',
          bytes: Math.max(1, optional(bytes, Number) ?? 1),
          everyMs: optional(every, Number) ?? 0,
        },
      ],
    };
  },
  refuse: (rest) => ({ steps: [{ verb: 'refuse', text: unescaped(rest) }], ends: true }),
  finish: (rest) => {
    const [, reason] = read(rest, /^(length|content_filter)$/, '@finish length|content_filter');
    return { steps: [{ verb: 'finish', reason: reason as 'length' | 'content_filter' }] };
  },
  reason: (rest) => {
    const [, tokens] = read(rest, /^(\d+) tokens?$/, '@reason N tokens');
    return { steps: [{ verb: 'reason', tokens: bounded(tokens, 200_000) }] };
  },
  'malformed-json': (rest) => spoiling('malformed-json', rest),
  'wrong-type': (rest) => spoiling('wrong-type', rest),
  'big-header': (rest) => spoiling('big-header', rest),
  pace: (rest) => ({
    steps: [{ verb: 'pace', perSecond: rate(read(rest, /^([\d.]+)\/s$/, '@pace R/s')[1]!) }],
  }),
  fail: (rest) => {
    const form = '@fail STATUS [retry-after SECONDS] [after N tokens] [times N] [echo-key]';
    const [, status, retryAfter, after, times, echoKey] = read(
      rest,
      /^([45]\d\d)(?: retry-after ([\d.]+))?(?: after (\d+) tokens?)?(?: times (\d+))?( echo-key)?$/,
      form,
    );
    const retryAfterSeconds = optional(retryAfter, Number);
    return {
      steps: [
        {
          verb: 'fail',
          status: Number(status),
          retryAfterSeconds,
          echoKey: echoKey !== undefined,
          ...reach(after, times),
        },
      ],
    };
  },
  cut: (rest) => {
    const [, after, times] = read(
      rest,
      /^(?:after (\d+) tokens?)?(?:(?:^| )times (\d+))?$/,
      '@cut [after N tokens] [times N]',
    );
    return { steps: [{ verb: 'cut', ...reach(after, times) }] };
  },
  note: (rest) => ({ steps: [{ verb: 'note', text: rest }] }),
  'no-usage': (rest) => {
    read(rest, /^$/, '@no-usage');
    return { steps: [{ verb: 'no-usage' }] };
  },
};

/**
 * The calls that a text scripts, or undefined where no line starts with a known verb. A text with one must not misspell another:
 * an unknown verb or a malformed line is answered with 400.
 */
export function parseScript(text: string): ScriptCall[] | undefined {
  const lines = text.split('\n').flatMap((line) => {
    const [, verb, rest = ''] = LINE.exec(line) ?? [];
    return verb === undefined ? [] : [{ verb, rest }];
  });
  if (!lines.some(({ verb }) => verb === 'repeat' || Object.hasOwn(VERBS, verb))) return undefined;
  return intoCalls(lines.flatMap(({ verb, rest }) => parseLine(verb, rest)));
}

/** A text without the lines of its script. */
export function withoutScript(text: string): string {
  return text
    .split('\n')
    .filter((line) => !LINE.test(line))
    .join('\n')
    .trim();
}

function parseLine(verb: string, rest: string): Line[] {
  if (verb === 'repeat') {
    const [, times, inner = ''] = read(rest, /^(\d+)\s+(@.*)$/, '@repeat N @STEP …');
    const [, innerVerb = '', innerRest = ''] = LINE.exec(inner) ?? [];
    return Array.from({ length: bounded(times, 1000) }).flatMap(() => parseLine(innerVerb, innerRest));
  }
  const parse = Object.hasOwn(VERBS, verb) ? VERBS[verb] : undefined;
  if (parse === undefined) throw scriptMistake(`Script: there is no step @${verb}.`);
  return [parse(rest)];
}

function intoCalls(lines: readonly Line[]): ScriptCall[] {
  if (lines.length > LONGEST_SCRIPT) throw scriptMistake('Script: too many steps.');
  const calls: Step[][] = [];
  let ended = true;
  for (const line of lines) {
    if (ended && !(line.joins === true && calls.length > 0)) calls.push([]);
    calls.at(-1)!.push(...line.steps);
    ended = line.ends ?? false;
  }
  return calls;
}

function read(rest: string, form: RegExp, usage: string): RegExpExecArray {
  const found = form.exec(rest);
  if (found === null) throw scriptMistake(`Script: the form is ${usage}`);
  return found;
}

function say(rest: string): Step {
  return { verb: 'say', text: unescaped(rest) };
}

function unescaped(rest: string): string {
  return rest.replaceAll('\\n', '\n');
}

function duration(rest: string, usage: string): number {
  const [, amount, unit = ''] = read(rest, /^([\d.]+)\s*(ms|s|m)$/, usage);
  return Number(amount) * { ms: 1, s: 1000, m: 60_000 }[unit]!;
}

function spoiling(verb: 'malformed-json' | 'wrong-type' | 'big-header', rest: string): Line {
  const [, times] = read(rest, /^(?:times (\d+))?$/, `@${verb} [times N]`);
  return { steps: [{ verb, ...reach(undefined, times) }] };
}

function tool(rest: string, usage: string): Step {
  const [, name = '', json = ''] = read(rest, /^([\w-]+)(?:\s+(.*))?$/, usage);
  try {
    return { verb: 'tool', name, args: json === '' ? {} : (JSON.parse(json) as unknown) };
  } catch {
    throw scriptMistake(`Script: the arguments of @tool ${name} are not JSON (use @raw-tool for such).`);
  }
}

function reach(
  after: string | undefined,
  times: string | undefined,
): { times: number; afterTokens: number | undefined } {
  return { times: optional(times, Number) ?? Infinity, afterTokens: optional(after, Number) };
}

function rate(text: string): number {
  const perSecond = Number(text);
  if (!(perSecond > 0)) throw scriptMistake('Script: a rate is a number above 0 with /s behind it.');
  return perSecond;
}

function bounded(text: string | undefined, most: number): number {
  const value = Number(text);
  if (value > most) throw scriptMistake(`Script: at most ${most}.`);
  return value;
}

function optional<T>(text: string | undefined, convert: (text: string) => T): T | undefined {
  return text === undefined ? undefined : convert(text);
}
