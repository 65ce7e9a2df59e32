import { createHash, timingSafeEqual } from 'node:crypto';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { assertAllowed, type Action, type Principal } from '#access/decide.ts';
import { CodedError } from '#errors/coded-error.ts';

declare module 'fastify' {
  interface FastifyRequest {
    principal: Principal;
  }
}

/** Who a bearer token stands for; `undefined` for a token that stands for nobody. */
export type Authenticate = (token: string) => Principal | undefined;

/** Until accounts exist: one organisation and one administrator token. */
export function administratorOnly(adminToken: string, organisation: string): Authenticate {
  const expected = digest(adminToken);
  const principal: Principal = { organisation, subject: 'administrator', role: 'operator' };
  return (token) => (timingSafeEqual(digest(token), expected) ? principal : undefined);
}

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

/** Resolves every request of the scope to a principal before its handler; `not_authenticated` otherwise. */
export function requirePrincipal(app: FastifyInstance, authenticate: Authenticate): void {
  app.decorateRequest('principal', null as unknown as Principal);
  app.addHook('onRequest', async (request) => {
    const token = bearerOf(request);
    const principal = token === undefined ? undefined : authenticate(token);
    if (!principal) throw new CodedError('not_authenticated');
    request.principal = principal;
  });
}

/** A browser cannot set headers on a WebSocket: there the token comes as the subprotocol `clawcage.bearer.<token>`. */
const SUBPROTOCOL = 'clawcage.bearer.';

function bearerOf(request: FastifyRequest): string | undefined {
  const header = request.headers.authorization;
  if (header?.startsWith('Bearer ')) return header.slice('Bearer '.length).trim();
  const offered = request.headers['sec-websocket-protocol']?.split(',').map((part) => part.trim());
  return offered?.find((part) => part.startsWith(SUBPROTOCOL))?.slice(SUBPROTOCOL.length);
}

/** The organisation that the request acts in, once `src/access` has allowed the action. */
export function organisationFor(request: FastifyRequest, action: Action): string {
  const { principal } = request;
  assertAllowed(principal, action, principal.organisation);
  return principal.organisation;
}
