import { readFileSync } from 'node:fs';

/** The release of this checkout, as `package.json` says it. */
export function version(): string {
  const file = new URL('../package.json', import.meta.url);
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}
