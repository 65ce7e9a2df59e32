/** Text of at most about `limit` characters: the middle of a longer one is left out, with a note of how much, since what matters stands at the ends. */
export function cutMiddle(text: string, limit: number): string {
  if (text.length <= limit) return text;
  const head = text.slice(0, Math.ceil(limit / 2));
  const tail = text.slice(text.length - Math.floor(limit / 2));
  return `${head}\n[… ${text.length - limit} characters left out …]\n${tail}`;
}
