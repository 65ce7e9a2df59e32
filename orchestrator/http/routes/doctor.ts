import type { FastifyInstance } from 'fastify';
import { doctorQuery, type DoctorReply, type LeftoversReply } from '#protocol/api.ts';
import { parse } from '../errors.ts';
import { organisationFor } from '../principal.ts';

export interface DoctorRouteParts {
  readonly doctor: {
    examine(organisation: string, options: { cage: boolean }): Promise<DoctorReply>;
    leftovers(): Promise<LeftoversReply>;
  };
}

/** A closer look than /readyz: also opens a cage, has it prove itself, and ends it; and the dry run of the reaper. */
export function doctorRoutes(app: FastifyInstance, { doctor }: DoctorRouteParts): void {
  app.get('/doctor', async (request) => {
    const organisation = organisationFor(request, 'system.read');
    const { cage } = parse(doctorQuery, request.query);
    return doctor.examine(organisation, { cage: cage === 'true' });
  });

  app.get('/doctor/leftovers', async (request) => {
    organisationFor(request, 'system.operate');
    return doctor.leftovers();
  });
}
