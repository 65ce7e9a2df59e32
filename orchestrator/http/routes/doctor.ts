import type { FastifyInstance } from 'fastify';
import { doctorQuery, type DoctorReply } from '#protocol/api.ts';
import { parse } from '../errors.ts';
import { organisationFor } from '../principal.ts';

export interface DoctorRouteParts {
  readonly doctor: { examine(organisation: string, options: { cage: boolean }): Promise<DoctorReply> };
}

/** A closer look than /readyz: also opens a cage, has it prove itself, and ends it. */
export function doctorRoutes(app: FastifyInstance, { doctor }: DoctorRouteParts): void {
  app.get('/doctor', async (request) => {
    const organisation = organisationFor(request, 'system.read');
    const { cage } = parse(doctorQuery, request.query);
    return doctor.examine(organisation, { cage: cage === 'true' });
  });
}
