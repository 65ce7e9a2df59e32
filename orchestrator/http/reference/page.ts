import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { curlOf } from './curl.ts';
import { block, escape, inline, prose } from './html.ts';
import type { Media, OpenApi, PathOperation } from './openapi.ts';
import { fieldHtml, schemaHtml } from './schema-html.ts';

export interface ReferencePage {
  readonly html: string;
  /** Served at /api/docs.css. */
  readonly style: string;
  /** Served at /api/docs.js; the page reads without it. */
  readonly script: string;
}

interface Entry {
  readonly method: string;
  readonly path: string;
  readonly operation: PathOperation;
}

/** The reference for people, made of the document. Nothing inline and nothing from elsewhere: `default-src 'self'` is enough for it. */
export function referencePage(api: OpenApi): ReferencePage {
  const read = (name: string): string => readFileSync(join(import.meta.dirname, name), 'utf8');
  return { html: html(api), style: read('reference.css'), script: read('reference.client.js') };
}

function html(api: OpenApi): string {
  const entries = Object.entries(api.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ method, path, operation })),
  );
  const called = Object.values(api.webhooks).map(({ post }) => ({
    method: 'post',
    path: '',
    operation: post,
  }));
  const groups = api.tags.map(({ name, description }) => ({
    name,
    description,
    entries: [...entries, ...called].filter(({ operation }) => operation.tags.includes(name)),
  }));
  const names = Object.keys(api.components.schemas).toSorted();
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8" />
<meta name="viewport" content="width=device-width, initial-scale=1" />
<meta name="color-scheme" content="light dark" />
<title>ClawCage API ${escape(api.info.version)}</title>
<link rel="icon" href="data:," />
<link rel="stylesheet" href="/api/docs.css" />
<script src="/api/docs.js" type="module"></script>
</head>
<body>
<a class="skip" href="#main">Skip to the reference</a>
<nav aria-label="Contents">
<p class="title"><a href="#main">ClawCage API</a> <small>${escape(api.info.version)}</small></p>
<label class="search" hidden>Find <input type="search" id="find" autocomplete="off" /></label>
${groups.map(({ name, entries: own }) => navGroup(name, own)).join('\n')}
<details class="group"><summary>Schemas</summary><ul>${names.map((name) => `<li><a href="#schema-${name}">${name}</a></li>`).join('')}</ul></details>
</nav>
<main id="main">
<header><h1>ClawCage API</h1>${prose(api.info.description)}
<p>For programs: <a href="/api/openapi.json">/api/openapi.json</a> (OpenAPI 3.1).</p>
${block('export CLAWCAGE_URL=http://127.0.0.1:4180\nexport CLAWCAGE_TOKEN=$(cat ~/.clawcage/admin-token)', 'The commands below use these')}
</header>
${groups.map((group) => `<section><h2 id="${group.name}">${group.name}</h2><p>${inline(group.description)}</p>${group.entries.map(operationHtml).join('\n')}</section>`).join('\n')}
<section><h2 id="Schemas">Schemas</h2>
${names.map((name) => `<article id="schema-${name}" class="schema"><h3>${name}</h3>${schemaHtml(api.components.schemas[name]!)}</article>`).join('\n')}
</section>
</main>
</body>
</html>
`;
}

function navGroup(name: string, entries: readonly Entry[]): string {
  const links = entries.map(
    ({ method, operation }) =>
      `<li><a href="#${operation.operationId}"><span class="method ${method}">${short(method)}</span> ${escape(operation.summary)}</a></li>`,
  );
  return `<details class="group" open><summary>${name}</summary><ul>${links.join('')}</ul></details>`;
}

const short = (method: string): string => (method === 'delete' ? 'del' : method).toUpperCase();

function operationHtml({ method, path, operation }: Entry): string {
  const { operationId, summary, description, parameters, requestBody, responses, security } = operation;
  const fields = (parameters ?? []).map(({ name, in: where, required, schema, description: about }) =>
    fieldHtml(
      name,
      {
        ...schema,
        description: [about, where === 'query' ? '' : `In the ${where}.`].filter(Boolean).join(' '),
      },
      required,
    ),
  );
  const [ok, ...failed] = Object.entries(responses);
  return `<article id="${operationId}">
<h3><a href="#${operationId}">${escape(summary)}</a></h3>
<p class="line"><span class="method ${method}">${method.toUpperCase()}</span> ${path === '' ? 'your address' : `<code>${escape(path)}</code>${security ? ' <span class="open">no token</span>' : ''}`}</p>
${description === undefined ? '' : prose(description)}
<div class="columns"><div>
${fields.length === 0 ? '' : `<h4>Parameters</h4><dl class="fields">${fields.join('')}</dl>`}
${
  requestBody
    ? Object.entries(requestBody.content)
        .map(([type, media]) => bodyHtml(type, media))
        .join('')
    : ''
}
<h4>Answer</h4><p><b class="status">${ok![0]}</b> ${inline(ok![1].description)}</p>${Object.values(
    ok![1].content ?? {},
  )
    .map(({ schema }) => (schema && Object.keys(schema).length > 0 ? schemaHtml(schema) : ''))
    .join('')}
<h4>Errors</h4><ul class="errors">${failed.map(([status, { description: codes, content }]) => errorHtml(status, codes, content?.['application/json'])).join('')}</ul>
</div><div>
${examplesHtml(method, path, operation)}
${Object.entries(ok![1].content ?? {})
  .map(([type, { example }]) =>
    example === undefined
      ? ''
      : block(
          typeof example === 'string' ? example : JSON.stringify(example, null, 2),
          `${ok![0]} · ${type}`,
        ),
  )
  .join('')}
</div></div>
</article>`;
}

function examplesHtml(method: string, path: string, operation: PathOperation): string {
  if (operation.responses['101']) return '';
  if (path !== '') return block(curlOf(method, path, operation), 'curl');
  const [[type, { example }]] = Object.entries(operation.requestBody!.content) as [[string, Media]];
  return block(JSON.stringify(example, null, 2), `body · ${type}`);
}

function bodyHtml(type: string, { schema }: Media): string {
  return `<h4>Body <span class="type">${escape(type)}</span></h4>${schema ? schemaHtml(schema) : ''}`;
}

function errorHtml(status: string, codes: string, media: Media | undefined): string {
  const rows = Object.entries(media?.examples ?? {}).map(([code, { value }]) => {
    const { message } = (value as { error: { message: string } }).error;
    return `<li><code>${escape(code)}</code> ${escape(message)}</li>`;
  });
  return `<li><b class="status">${status}</b><ul>${rows.length > 0 ? rows.join('') : `<li>${inline(codes)}</li>`}</ul></li>`;
}
