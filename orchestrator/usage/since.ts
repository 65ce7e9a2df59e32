const UNIT_MS = { s: 1000, m: 60_000, h: 3600_000, d: 24 * 3600_000 } as const;

/** A time as ISO 8601, or as long ago as `90m` says; Unix milliseconds, never before 1970: databases differ in how they write earlier years. */
export function sinceOf(text: string, nowMs: number): number {
  const unit = UNIT_MS[text.at(-1) as keyof typeof UNIT_MS];
  return Math.max(0, unit === undefined ? Date.parse(text) : nowMs - Number(text.slice(0, -1)) * unit);
}
