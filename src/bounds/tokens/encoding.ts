import { Buffer } from 'node:buffer';

/** The encodings whose tokens can be counted here. */
export type EncodingName = 'o200k_base' | 'cl100k_base';

/** What a text is cut and merged by. */
export interface Encoding {
  /** Cuts a text into the pieces that no token crosses; sticky. */
  readonly pieces: RegExp;
  /** The rank of every token by its bytes, written as one character a byte (latin1). */
  readonly ranks: ReadonlyMap<string, number>;
}

const loaded = new Map<EncodingName, Promise<Encoding>>();

/**
 * The encoding, loaded at its first use: it is millions of characters long and takes some hundred milliseconds and tens of megabytes, which whoever never
 * needs it does not pay; most of that in parts, so that the process answers meanwhile. Rejects where it cannot be loaded.
 */
export function encodingOf(name: EncodingName): Promise<Encoding> {
  const known = loaded.get(name);
  if (known !== undefined) return known;
  const loading = load(name);
  loaded.set(name, loading);
  return loading;
}

async function load(name: EncodingName): Promise<Encoding> {
  const { CL100K_TOKEN_SPLIT_REGEX, O200K_TOKEN_SPLIT_REGEX } =
    await import('gpt-tokenizer/encodingParams/constants');
  if (name === 'cl100k_base') {
    const { default: tokens } = await import('gpt-tokenizer/bpeRanks/cl100k_base');
    return { pieces: sticky(CL100K_TOKEN_SPLIT_REGEX), ranks: await byBytes(tokens) };
  }
  const { default: tokens } = await import('gpt-tokenizer/bpeRanks/o200k_base');
  return { pieces: sticky(O200K_TOKEN_SPLIT_REGEX), ranks: await byBytes(tokens) };
}

const sticky = (form: RegExp): RegExp => new RegExp(form.source, 'uy');

/** Some milliseconds of work. */
const AT_ONCE = 5_000;
/** Whatever else the process has to do now; no time is waited for. */
const otherWork = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

async function byBytes(tokens: readonly (string | readonly number[])[]): Promise<Map<string, number>> {
  const ranks = new Map<string, number>();
  for (let from = 0; from < tokens.length; from += AT_ONCE) {
    // The list has holes: forEach passes over them.
    tokens.slice(from, from + AT_ONCE).forEach((token, nth) => ranks.set(bytesOf(token), from + nth));
    await otherWork();
  }
  return ranks;
}

const PLAIN = /^\p{ASCII}*$/u;
const bytesOf = (token: string | readonly number[]): string =>
  typeof token !== 'string'
    ? String.fromCharCode(...token)
    : PLAIN.test(token)
      ? token
      : Buffer.from(token, 'utf8').toString('latin1');
