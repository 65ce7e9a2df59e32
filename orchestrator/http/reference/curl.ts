import type { PathOperation } from './openapi.ts';

/** A command to copy. `$CLAWCAGE_URL` and `$CLAWCAGE_TOKEN` are the reader's. */
export function curlOf(method: string, path: string, operation: PathOperation): string {
  const filled = path.replace(/\{(\w+)\}/g, (_all, name: string) => exampleOf(operation, name));
  const [type, media] = Object.entries(operation.requestBody?.content ?? {})[0] ?? [];
  const lines = [`curl -sS "$CLAWCAGE_URL${filled}"`];
  if (method !== (media ? 'post' : 'get'))
    lines[0] = lines[0]!.replace('curl -sS', `curl -sS -X ${method.toUpperCase()}`);
  if (operation.responses['200']?.content?.['text/event-stream']) lines[0] = lines[0]!.replace('-sS', '-sSN');
  if (!operation.security) lines.push(`-H "Authorization: Bearer $CLAWCAGE_TOKEN"`);
  if (type !== undefined) lines.push(`-H 'Content-Type: ${type}'`);
  const body = media?.example;
  if (typeof body === 'string') lines.push(`--data-binary @- <<'EOF'\n${body}EOF`);
  else if (body !== undefined) lines.push(`-d '${JSON.stringify(body, null, 2).replaceAll("'", `'\\''`)}'`);
  return lines.join(' \\\n  ');
}

function exampleOf({ parameters = [] }: PathOperation, name: string): string {
  return String(parameters.find((parameter) => parameter.name === name)?.example ?? name);
}
