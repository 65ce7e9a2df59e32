import type { FastifyError, FastifyInstance, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { CodedError, toCodedError } from '#errors/coded-error.ts';

/** Answers every failure as `{"error":{code,message,details,requestId}}` from the one table. */
export function answerErrors(app: FastifyInstance): void {
  app.setNotFoundHandler((request, reply) => {
    const error = new CodedError('not_found', { method: request.method, path: request.url.split('?')[0] });
    return reply.status(404).send(body(error, request));
  });
  app.setErrorHandler((thrown, request, reply) => {
    const error = fromFastify(thrown as FastifyError);
    if (error.code === 'internal') request.log.error({ err: describe(error.cause) }, 'request failed');
    const retryAfterMs = error.details?.retryAfterMs;
    if (typeof retryAfterMs === 'number') reply.header('retry-after', Math.ceil(retryAfterMs / 1000));
    return reply.status(error.status).send(body(error, request));
  });
}

function body(error: CodedError, request: FastifyRequest): { error: object } {
  return { error: { ...error.toBody(), requestId: request.id } };
}

function fromFastify(error: FastifyError): CodedError {
  if (error.code === 'FST_ERR_CTP_BODY_TOO_LARGE') return new CodedError('request_too_large');
  if (error.code?.startsWith('FST_ERR_CTP'))
    return new CodedError('request_invalid', { reason: 'the body must be JSON (application/json)' });
  if (error instanceof SyntaxError || error.statusCode === 400)
    return new CodedError('request_invalid', { reason: 'the body is not valid JSON' });
  return toCodedError(error);
}

/** A stack for the log, without the message of foreign errors' payloads beyond their first line. */
function describe(cause: unknown): object {
  if (!(cause instanceof Error)) return { type: typeof cause };
  return {
    type: cause.name,
    message: cause.message.split('\n')[0]?.slice(0, 300),
    stack: cause.stack?.split('\n').slice(1, 8),
  };
}

/** Parses with a schema; `request_invalid` with the path of each field that is wrong and what it takes, never its value. */
export function parse<T extends z.ZodType>(schema: T, value: unknown): z.output<T> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const fields = parsed.error.issues.map((issue) => ({
    field: issue.path.join('.') || fieldOf(issue),
    problem: issue.message,
  }));
  throw new CodedError('request_invalid', { fields });
}

function fieldOf(issue: z.core.$ZodIssue): string {
  return issue.code === 'unrecognized_keys' ? issue.keys.join(', ') : '(body)';
}
