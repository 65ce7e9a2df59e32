import { randomUUID } from 'node:crypto';
import helmet from '@fastify/helmet';
import websocket from '@fastify/websocket';
import fastify, { LogController, type FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import { LIMITS } from '#protocol/api.ts';
import { FRAME_LIMIT } from '#protocol/frames.ts';
import { answerErrors } from './errors.ts';
import { requirePrincipal, type Authenticate } from './principal.ts';
import { callRoutes, type CallRouteParts } from './routes/calls.ts';
import { backupRoutes, type BackupRouteParts } from './routes/backup.ts';
import { batchRoutes, type BatchRouteParts } from './routes/batches.ts';
import { clawRoutes, type ClawRouteParts } from './routes/claws.ts';
import { doctorRoutes, type DoctorRouteParts } from './routes/doctor.ts';
import { eventRoutes, type EventRouteParts } from './routes/events.ts';
import { fileRoutes, type FileRouteParts } from './routes/files.ts';
import { keyRoutes, type KeyRouteParts } from './routes/keys.ts';
import { limitRoutes, type LimitRouteParts } from './routes/limits.ts';
import { operationRoutes, type OperationRouteParts } from './routes/operations.ts';
import { pageRoutes } from './routes/pages.ts';
import { referenceRoutes, type ReferenceRouteParts } from './routes/reference.ts';
import { statusRoutes, type StatusRouteParts } from './routes/status.ts';
import { taskEventRoutes } from './routes/task-events.ts';
import { taskRoutes, type TaskRouteParts } from './routes/tasks.ts';
import { usageRoutes, type UsageRouteParts } from './routes/usage.ts';
import { webhookRoutes, type WebhookRouteParts } from './routes/webhooks.ts';

export interface AppParts
  extends
    KeyRouteParts,
    ClawRouteParts,
    TaskRouteParts,
    CallRouteParts,
    FileRouteParts,
    UsageRouteParts,
    LimitRouteParts,
    ReferenceRouteParts,
    BatchRouteParts,
    WebhookRouteParts,
    EventRouteParts,
    StatusRouteParts,
    DoctorRouteParts,
    BackupRouteParts,
    OperationRouteParts {
  readonly authenticate: Authenticate;
  readonly logger: Logger;
}

/** The HTTP service as a value: routes, errors and limits, without a port. `main.ts` alone listens. */
export async function buildApp(parts: AppParts): Promise<FastifyInstance> {
  const app = fastify({
    loggerInstance: parts.logger,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: LIMITS.bodyBytes,
    genReqId: () => `req_${randomUUID().replaceAll('-', '')}`,
    requestTimeout: 60_000,
  }) as unknown as FastifyInstance;
  answerErrors(app);
  takeEmptyJson(app);
  app.addHook('onSend', async (request, reply) => {
    reply.header('x-request-id', request.id);
  });
  await app.register(helmet, {
    hsts: false,
    contentSecurityPolicy: { useDefaults: true, directives: { upgradeInsecureRequests: null } },
  });
  await app.register(websocket, {
    options: { maxPayload: FRAME_LIMIT, handleProtocols: chooseProtocol },
    preClose: sendWatchersOn,
  });

  operationRoutes(app, parts);
  pageRoutes(app);
  referenceRoutes(app, parts);
  await app.register(
    async (api) => {
      requirePrincipal(api, parts.authenticate);
      keyRoutes(api, parts);
      clawRoutes(api, parts);
      taskRoutes(api, parts);
      callRoutes(api, parts);
      fileRoutes(api, parts);
      usageRoutes(api, parts);
      limitRoutes(api, parts);
      eventRoutes(api, parts);
      taskEventRoutes(api, parts);
      batchRoutes(api, parts);
      webhookRoutes(api, parts);
      statusRoutes(api, parts);
      doctorRoutes(api, parts);
      backupRoutes(api, parts);
    },
    { prefix: '/api/v1' },
  );
  return app;
}

/** RFC 6455's registry: the service restarts, and who was connected may come back at once. */
const SERVICE_RESTART = 1012;

/** Watchers are told to come again: another orchestrator, or the next start, goes on with their events. */
function sendWatchersOn(this: FastifyInstance, done: () => void): void {
  for (const watcher of this.websocketServer.clients) watcher.close(SERVICE_RESTART, 'come again');
  this.websocketServer.close();
  done();
}

/** Answers the plain subprotocol: a token that came as one must not be echoed. */
function chooseProtocol(offered: Set<string>): string | false {
  return offered.has('clawcage') ? 'clawcage' : false;
}

/** Many clients send a content type with every POST: no body at all is then no body, and not bad JSON. */
function takeEmptyJson(app: FastifyInstance): void {
  const parseJson = app.getDefaultJsonParser('error', 'error');
  app.removeContentTypeParser('application/json');
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (request, text, done) => {
    if (text === '') done(null, undefined);
    else parseJson(request, text as string, done);
  });
}
