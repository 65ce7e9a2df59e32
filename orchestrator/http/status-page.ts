import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface StatusPage {
  readonly html: string;
  /** Served at /status.js. */
  readonly script: string;
  /** Served at /status.css. */
  readonly style: string;
}

/** The plain status page, read once at start. It has nothing inline and nothing from elsewhere: `default-src 'self'` is enough for it. */
export function statusPage(): StatusPage {
  const read = (ending: string): string =>
    readFileSync(join(import.meta.dirname, `status-page.${ending}`), 'utf8');
  return { html: read('html'), script: read('client.js'), style: read('css') };
}
