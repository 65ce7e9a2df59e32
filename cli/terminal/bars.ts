const EIGHTHS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];

/** A bar of at most `width` columns, to an eighth of a column; what is not nothing is at least the smallest. */
export function bar(value: number, most: number, width: number): string {
  if (value <= 0 || most <= 0 || width <= 0) return '';
  const eighths = Math.max(1, Math.round((value / most) * width * 8));
  return '█'.repeat(Math.floor(eighths / 8)) + EIGHTHS[eighths % 8]!;
}

/** `[█████·····]` */
export function gauge(part: number, whole: number, width: number): string {
  const full = whole === 0 ? width : Math.floor((part / whole) * width);
  return `[${'█'.repeat(full)}${'·'.repeat(width - full)}]`;
}
