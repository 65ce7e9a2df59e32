import type { FastifyInstance } from 'fastify';
import type { Readable } from 'node:stream';
import { organisationFor } from '../principal.ts';

export interface BackupRouteParts {
  readonly backups: {
    make(): Promise<{
      readonly name: string;
      readonly bytes: number;
      readonly sha256: Buffer;
      readonly content: Readable;
    }>;
  };
}

/** A backup of the whole installation as a file, with its digest (RFC 9530). */
export function backupRoutes(app: FastifyInstance, { backups }: BackupRouteParts): void {
  app.post('/backup', async (request, reply) => {
    organisationFor(request, 'system.operate');
    const { name, bytes, sha256, content } = await backups.make();
    return reply
      .headers({
        'content-type': 'application/octet-stream',
        'content-length': bytes,
        'content-disposition': `attachment; filename="${name}"`,
        'repr-digest': `sha-256=:${sha256.toString('base64')}:`,
        'cache-control': 'no-store',
      })
      .send(content);
  });
}
