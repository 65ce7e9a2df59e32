import { Readable } from 'node:stream';
import type { FastifyInstance } from 'fastify';
import type { OutputFile } from '#protocol/api.ts';
import { organisationFor } from '../principal.ts';

export interface FileRouteParts {
  readonly files: {
    list(organisation: string, task: string): Promise<readonly OutputFile[]>;
    fetch(
      organisation: string,
      task: string,
      path: string,
    ): Promise<OutputFile & { readonly pieces: AsyncIterable<Buffer> }>;
  };
}

/** The files that a task left in /work/out. A browser only ever saves them: what an agent wrote is never shown as a page of ours. */
export function fileRoutes(app: FastifyInstance, { files }: FileRouteParts): void {
  app.get<{ Params: { id: string } }>('/tasks/:id/files', async (request) => ({
    items: await files.list(organisationFor(request, 'tasks.read'), request.params.id),
    nextCursor: null,
  }));

  app.get<{ Params: { id: string; '*': string } }>('/tasks/:id/files/*', async (request, reply) => {
    const organisation = organisationFor(request, 'tasks.read');
    const file = await files.fetch(organisation, request.params.id, request.params['*']);
    return reply
      .headers({
        'content-type': 'application/octet-stream',
        'content-length': file.bytes,
        'content-disposition': attachment(file.path),
        'x-content-type-options': 'nosniff',
        'cache-control': 'no-store',
      })
      .send(Readable.from(file.pieces, { objectMode: false }));
  });
}

/** RFC 6266 with the extended form of RFC 8187; the plain one is for programs that do not know it. */
function attachment(path: string): string {
  const name = path.slice(path.lastIndexOf('/') + 1);
  const plain = name.replace(/[^A-Za-z0-9._ -]/g, '_');
  const extended = encodeURIComponent(name).replace(
    /['()*!]/g,
    (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `attachment; filename="${plain}"; filename*=UTF-8''${extended}`;
}
