import { maskedEchoes, type MaskedEcho } from './masked-key.ts';

/**
 * Takes every occurrence of the key out of a stream of bytes, also one with its middle masked, wherever the chunks are cut. Bytes are held back only while they may be
 * the beginning of one, so that a stream of events is not delayed.
 */
export class KeyRedactor {
  readonly #key: Buffer;
  readonly #isText: boolean;
  readonly #forms: readonly Form[];
  #held = Buffer.alloc(0);

  /**
   * `key` is not copied where it has only one form; it must stay as it is while the redactor is in use. In what is not text the mark is as long as the
   * key, so that offsets and lengths in it stay true.
   */
  constructor(key: Buffer, isText = true) {
    this.#key = key;
    this.#isText = isText;
    const escaped = Buffer.from(JSON.stringify(key.toString('utf8')).slice(1, -1), 'utf8');
    const forms = escaped.equals(key) ? [key] : [key, escaped];
    this.#forms = forms.map((bytes) => ({ bytes, mark: isText ? MARK : Buffer.alloc(bytes.length, '*') }));
  }

  push(chunk: Buffer): Buffer {
    const bytes = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    const clean = this.#replace(bytes);
    const echoes = maskedEchoes(clean, this.#key, true);
    const begun = clean.length - this.#possibleBeginning(clean);
    const from = Math.min(
      begun,
      ...echoes.filter((echo) => echo.open || echo.end > begun).map((echo) => echo.start),
    );
    this.#held = Buffer.from(clean.subarray(from));
    return this.#without(echoes, clean.subarray(0, from));
  }

  /** What was held back, at the end of the stream. */
  end(): Buffer {
    const rest = this.#unmasked(this.#held);
    this.#held = Buffer.alloc(0);
    return rest;
  }

  /** The same for a whole text, such as a header. */
  text(value: string): string {
    return this.#unmasked(this.#replace(Buffer.from(value, 'utf8'))).toString('utf8');
  }

  #unmasked(bytes: Buffer): Buffer {
    return this.#without(maskedEchoes(bytes, this.#key, false), bytes);
  }

  #without(echoes: readonly MaskedEcho[], bytes: Buffer): Buffer {
    const within = echoes.filter((echo) => echo.end <= bytes.length);
    if (within.length === 0) return bytes;
    const parts: Buffer[] = [];
    let from = 0;
    for (const { start, end } of within) {
      parts.push(bytes.subarray(from, start), this.#isText ? MARK : Buffer.alloc(end - start, '*'));
      from = end;
    }
    return Buffer.concat([...parts, bytes.subarray(from)]);
  }

  #replace(bytes: Buffer): Buffer {
    return this.#forms.reduce(replaceAll, bytes);
  }

  #possibleBeginning(bytes: Buffer): number {
    return Math.max(...this.#forms.map((form) => overlap(bytes, form.bytes)));
  }
}

/** How the key may be written, and what stands in its place. */
interface Form {
  readonly bytes: Buffer;
  readonly mark: Buffer;
}

const MARK = Buffer.from('[redacted]');

function replaceAll(bytes: Buffer, { bytes: form, mark }: Form): Buffer {
  let at = bytes.indexOf(form);
  if (at < 0) return bytes;
  const parts: Buffer[] = [];
  let from = 0;
  for (; at >= 0; at = bytes.indexOf(form, from)) {
    parts.push(bytes.subarray(from, at), mark);
    from = at + form.length;
  }
  return Buffer.concat([...parts, bytes.subarray(from)]);
}

/** The longest end of `bytes` that is a beginning of `form`. */
function overlap(bytes: Buffer, form: Buffer): number {
  for (let length = Math.min(bytes.length, form.length - 1); length > 0; length--) {
    if (bytes.subarray(bytes.length - length).equals(form.subarray(0, length))) return length;
  }
  return 0;
}
