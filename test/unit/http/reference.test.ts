import { readFile } from 'node:fs/promises';
import { createConfig, lintFromString } from '@redocly/openapi-core';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import { beforeAll, describe, expect, it } from 'vitest';
import { ERRORS } from '#errors/table.ts';
import { openApiOf } from '../../../orchestrator/http/reference/openapi.ts';
import { errorsOf } from '../../../orchestrator/http/reference/operation.ts';
import { OPERATIONS } from '../../../orchestrator/http/reference/operations.ts';
import { referencePage } from '../../../orchestrator/http/reference/page.ts';
import { emptyApp } from '../../support/empty-app.ts';

const document = openApiOf(OPERATIONS, '1.2.3');

/** Pages for people, and what they are made of. */
const PAGES = ['/', '/status.js', '/status.css', '/api/docs', '/api/docs.css', '/api/docs.js'];

let routes: string[];
beforeAll(async () => {
  const app = await emptyApp();
  await app.ready();
  routes = [...app.printRoutes({ commonPrefix: false, includeHooks: false }).matchAll(/.*/g)].map(
    ([line]) => line,
  );
  await app.close();
});

/** From the tree that fastify prints: each line one more part of a path. */
function routesOf(lines: readonly string[]): string[] {
  const open: string[] = [];
  return lines.flatMap((line) => {
    const match = /^([│├└─\s]*)(\S+)(?: \(([A-Z, ]+)\))?$/.exec(line);
    if (!match) return [];
    const [, indent, part, methods] = match;
    const depth = indent!.length / 4;
    open.length = depth;
    open[depth - 1] = part!;
    const path = open.join('');
    return (methods ?? '')
      .split(', ')
      .filter((method) => method !== '' && method !== 'HEAD')
      .map((method) => `${method} ${path}`);
  });
}

/** The names of parameters are the reference's own. */
const shape = (path: string): string => path.replace(/\/?\*/, '/{}').replace(/\{\w+\}|:\w+/g, '{}');

describe('the reference', () => {
  it('tells of every route, and of none that is not there', () => {
    const served = routesOf(routes)
      .filter((route) => !PAGES.includes(route.split(' ')[1]!))
      .map(shape);
    const told = OPERATIONS.map(({ method, path }) => shape(`${method.toUpperCase()} ${path}`));
    expect(served.length).toBeGreaterThan(20);
    expect(told.toSorted()).toEqual(served.toSorted());
  });

  it('has examples that are what their schemas say, of bodies and of answers', () => {
    for (const { id, body, reply } of OPERATIONS) {
      for (const example of body?.lines ? (body.example as unknown[]) : body ? [body.example] : [])
        expect(body!.schema.safeParse(example).error, id).toBeUndefined();
      if (reply.schema) expect(reply.schema.safeParse(reply.example ?? {}).error, id).toBeUndefined();
    }
  });

  it('has the same examples fit the JSON Schemas that it publishes', () => {
    const ajv = new Ajv2020({ strict: false, validateFormats: false });
    ajv.addSchema({ $id: 'doc', components: document.components });
    const compiled = new Map<string, ValidateFunction>();
    const compile = (schema: unknown): ValidateFunction => {
      const text = JSON.stringify(schema ?? {}).replaceAll('"#/components', '"doc#/components');
      const known = compiled.get(text) ?? ajv.compile(JSON.parse(text) as object);
      compiled.set(text, known);
      return known;
    };
    let checked = 0;
    for (const methods of Object.values(document.paths)) {
      for (const { operationId, requestBody, responses } of Object.values(methods)) {
        const contents = [requestBody?.content, ...Object.values(responses).map(({ content }) => content)];
        for (const media of contents.flatMap((content) => Object.values(content ?? {}))) {
          const values = [media.example, ...Object.values(media.examples ?? {}).map(({ value }) => value)];
          for (const value of values.filter((one) => one !== undefined)) {
            const fits = compile(media.schema);
            expect(fits(value), `${operationId} ${JSON.stringify(fits.errors)}`).toBe(true);
            checked++;
          }
        }
      }
    }
    expect(checked).toBeGreaterThan(100);
  });

  it('is clean for a linter of OpenAPI', async () => {
    const config = await createConfig({
      extends: ['recommended-strict'],
      rules: {
        // A WebSocket answers with 101, and has messages that no operation refers to; what needs neither token nor parameter cannot fail by its caller.
        'operation-2xx-response': 'off',
        'operation-4xx-response': 'off',
        'no-unused-components': 'off',
      },
    });
    const problems = await lintFromString({ source: JSON.stringify(document), config });
    expect(problems.map(({ ruleId, message, location }) => [ruleId, message, location[0]?.pointer])).toEqual(
      [],
    );
  });

  it('refers to every schema but those of the WebSocket', () => {
    const text = JSON.stringify(document);
    const unused = Object.keys(document.components.schemas).filter(
      (name) => !text.includes(`"#/components/schemas/${name}"`),
    );
    expect(unused).toEqual(['ClientMessage', 'ServerMessage']);
  });

  it('has every path that the guide shows', async () => {
    const guide = await readFile(new URL('../../../docs/api.md', import.meta.url), 'utf8');
    const shown = [
      ...guide.matchAll(/(?:CLAWCAGE_URL|`(?:GET |POST )?)(\/(?:api|healthz|readyz|metrics)[^\s"'`?]*)/g),
    ];
    expect(shown.length).toBeGreaterThan(20);
    const known = new Set([...OPERATIONS.map(({ path }) => shape(path)), '/api/docs']);
    const told = shown.map(([, path]) =>
      path!
        .replace(/\$\w+/g, '{}')
        .replace(/(claws|keys)\/[a-z]+/, '$1/{}')
        .replace(/files\/.+/, 'files/{}'),
    );
    expect(told.filter((path) => !known.has(path))).toEqual([]);
  });

  it('names each code of each operation once, with the status of the table', () => {
    for (const operation of OPERATIONS) {
      const told = document.paths[operation.path]![operation.method]!.responses;
      for (const code of errorsOf(operation))
        expect(told[String(ERRORS[code].status)]!.description, operation.id).toContain(`\`${code}\``);
    }
    expect(new Set(OPERATIONS.map(({ id }) => id)).size).toBe(OPERATIONS.length);
  });

  it('says what every field of what is sent means', () => {
    const silent = Object.entries(document.components.schemas)
      .filter(([name]) =>
        ['ClawCreate', 'ClawChange', 'TaskCreate', 'KeyCreate', 'FunctionResult'].includes(name),
      )
      .flatMap(([name, schema]) =>
        Object.entries(schema.properties as Record<string, { description?: string }>)
          .filter(([, { description }]) => description === undefined)
          .map(([field]) => `${name}.${field}`),
      );
    expect(silent).toEqual(['KeyCreate.provider']);
  });
});

describe('its page', () => {
  const { html, script, style } = referencePage(document);

  it('has nothing inline and nothing from elsewhere', () => {
    expect(html).not.toMatch(/<style|style="|onclick|<script(?! src="\/api\/docs\.js")/);
    expect(`${script}${style}`).not.toMatch(/https?:\/\//);
    expect([...html.matchAll(/(?:src|href)="(?!#)([^"]+)"/g)].map(([, to]) => to).toSorted()).toEqual([
      '/api/docs.css',
      '/api/docs.js',
      '/api/openapi.json',
      'data:,',
    ]);
  });

  it('has every operation and schema, and no link that leads nowhere', () => {
    const ids = new Set([...html.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id));
    for (const { id } of OPERATIONS) expect(ids).toContain(id);
    const links = [...html.matchAll(/href="#([^"]+)"/g)].map(([, to]) => to);
    expect(links.filter((to) => !ids.has(to))).toEqual([]);
  });

  it('shows what is in a text as text', () => {
    const [first] = OPERATIONS;
    const odd = { ...first!, summary: '<img src=x>', description: 'a & `b<c>`' };
    const page = referencePage(openApiOf([odd], '1')).html;
    expect(page).not.toContain('<img');
    expect(page).toContain('<code>b&#60;c&#62;</code>');
  });
});
