/** A part of the bytes that shows both ends of the key, or (`open`) may turn out to with what follows. */
export interface MaskedEcho {
  readonly start: number;
  readonly end: number;
  readonly open: boolean;
}

const [ASTERISK, POINT] = [0x2a, 0x2e];
/** The other characters that stand for what is left out, plain and as JSON may escape them, and how many points each is worth. */
const WIDE_BLANKS = [
  ...['\u2022', '\\u2022'].map((text) => ({ bytes: Buffer.from(text), worth: 1 })),
  ...['\u2026', '\\u2026'].map((text) => ({ bytes: Buffer.from(text), worth: 3 })),
];
const [LEAST_BLANKS, MOST_BLANKS] = [3, 512];
/** Fewer characters of an end are no echo: they stand in any text. */
const LEAST_SHOWN = 2;

/**
 * Where the bytes hold the key with its middle masked, as providers show it in their errors ("sk-ab****wxyz"): a beginning of the key, a run of asterisks or points,
 * an end of the key. With `more` to come, what may yet become one is told too, as `open`. In order, and none over another.
 */
export function maskedEchoes(bytes: Buffer, key: Buffer, more: boolean): MaskedEcho[] {
  const echoes: MaskedEcho[] = [];
  if (key.length <= 2 * LEAST_SHOWN) return echoes;
  const opening = key.subarray(0, LEAST_SHOWN);
  let at = bytes.indexOf(opening);
  while (at >= 0) {
    const echo = echoAt(bytes, at, key, more);
    if (echo !== undefined) echoes.push(echo);
    at = bytes.indexOf(opening, echo === undefined ? at + 1 : echo.end);
  }
  return echoes;
}

function echoAt(bytes: Buffer, start: number, key: Buffer, more: boolean): MaskedEcho | undefined {
  const open = { start, end: bytes.length, open: true };
  const run = runOfBlanks(bytes, behindBeginning(bytes, start, key));
  if (run.cut && more) return open;
  if (run.blanks < LEAST_BLANKS || run.blanks > MOST_BLANKS) return undefined;
  const rest = bytes.subarray(run.end, run.end + key.length);
  // It may go on to a longer end of the key, or to one at all.
  const mayGoOn = run.end + rest.length === bytes.length && key.subarray(0, -1).includes(rest);
  if (mayGoOn && more) return open;
  const shown = lengthOfEnd(rest, key);
  return shown < LEAST_SHOWN ? undefined : { start, end: run.end + shown, open: false };
}

/** Behind the longest beginning of the key that is here; blanks at its end belong to the run. */
function behindBeginning(bytes: Buffer, start: number, key: Buffer): number {
  let length = LEAST_SHOWN;
  while (length < key.length && bytes[start + length] === key[length]) length++;
  while (length > LEAST_SHOWN && isNarrow(bytes[start + length - 1])) length--;
  return start + length;
}

/** `cut` where the bytes end before the run surely does. */
function runOfBlanks(bytes: Buffer, from: number): { end: number; blanks: number; cut: boolean } {
  let end = from;
  let blanks = 0;
  while (blanks <= MOST_BLANKS) {
    if (isNarrow(bytes[end])) {
      end += 1;
      blanks += 1;
      continue;
    }
    const rest = bytes.subarray(end, end + 6);
    const wide = WIDE_BLANKS.find((one) => rest.subarray(0, one.bytes.length).equals(one.bytes));
    if (wide === undefined) {
      const cut = WIDE_BLANKS.some((one) => one.bytes.subarray(0, rest.length).equals(rest));
      return { end, blanks, cut };
    }
    end += wide.bytes.length;
    blanks += wide.worth;
  }
  return { end, blanks, cut: false };
}

const isNarrow = (byte: number | undefined): boolean => byte === ASTERISK || byte === POINT;

/** How many bytes at the beginning of `bytes` are the end of the key, at most. */
function lengthOfEnd(bytes: Buffer, key: Buffer): number {
  for (let length = bytes.length; length > 0; length--) {
    if (bytes.subarray(0, length).equals(key.subarray(key.length - length))) return length;
  }
  return 0;
}
