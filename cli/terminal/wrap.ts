/** Broken between words so that each line leaves `indent` columns free; one line where the output is no terminal. */
export function wrapped(text: string, columns: number | undefined, indent: number): string[] {
  if (columns === undefined) return [text];
  const room = Math.max(10, columns - indent);
  const lines: string[] = [''];
  for (const part of text.split(/(?<= )(?=\S)/)) {
    const last = lines.at(-1)!;
    if (last !== '' && (last + part).trimEnd().length > room) lines.push(part);
    else lines[lines.length - 1] = last + part;
  }
  return lines.map((line) => line.trimEnd());
}
