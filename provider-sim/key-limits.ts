/** What a key may do in a minute; absent: as much as it likes. */
export interface Limits {
  readonly requests?: number | undefined;
  readonly tokens?: number | undefined;
}

/** Reads `requests=3,tokens=1000` (or with blanks between); throws where it is of another form. */
export function parseLimits(text: string): Limits {
  const limits: Record<string, number> = {};
  for (const part of text.split(/[\s,]+/).filter((one) => one !== '')) {
    const [, name, value] = /^(requests|tokens)=(\d+)$/.exec(part) ?? [];
    if (name === undefined) throw new Error(`Limits have the form requests=N,tokens=N, not: ${part}`);
    limits[name] = Number(value);
  }
  return limits;
}
