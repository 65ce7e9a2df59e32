import type { FastifyInstance } from 'fastify';
import type { z } from 'zod';
import { CodedError } from '#errors/coded-error.ts';
import {
  keyCreate,
  keyList,
  keyPatch,
  keyRotate,
  type KeyModelsReply,
  type KeyPatch,
  type KeyView,
} from '#protocol/api.ts';
import type { Secret } from '#secret/secret.ts';
import { parse } from '../errors.ts';
import { organisationFor } from '../principal.ts';
import { SecretBody, takeSecretBodies } from '../secret-body.ts';

export interface KeyRouteParts {
  readonly keys: {
    add(organisation: string, key: NewKey, secret: Secret): Promise<KeyView>;
    list(
      organisation: string,
      query: z.output<typeof keyList>,
    ): Promise<{ items: readonly KeyView[]; nextCursor: string | null }>;
    modelsOf(organisation: string, name: string): Promise<KeyModelsReply>;
    get(organisation: string, name: string): Promise<KeyView>;
    rotate(organisation: string, name: string, change: { verify: boolean }, secret: Secret): Promise<KeyView>;
    setCaps(organisation: string, name: string, caps: KeyPatch): Promise<KeyView>;
    revoke(organisation: string, name: string): Promise<KeyView>;
  };
}

type NewKey = Omit<z.output<typeof keyCreate>, 'secret'>;
type Named = { Params: { name: string } };

/** A key and a private CA. */
const BODY_BYTES = 96 * 1024;

export function keyRoutes(app: FastifyInstance, { keys }: KeyRouteParts): void {
  app.get('/keys', async (request) =>
    keys.list(organisationFor(request, 'keys.read'), parse(keyList, request.query)),
  );

  app.get<Named>('/keys/:name/models', async (request) =>
    keys.modelsOf(organisationFor(request, 'keys.read'), request.params.name),
  );

  app.get<Named>('/keys/:name', async (request) =>
    keys.get(organisationFor(request, 'keys.read'), request.params.name),
  );

  app.post<Named>('/keys/:name/revoke', async (request) =>
    keys.revoke(organisationFor(request, 'keys.write'), request.params.name),
  );

  void app.register(async (bringing) => {
    takeSecretBodies(bringing, BODY_BYTES);

    bringing.post('/keys', async (request, reply) => {
      using body = bodyOf(request.body);
      const organisation = organisationFor(request, 'keys.write');
      const { secret: _masked, ...key } = parse(keyCreate, body.fields);
      return reply.status(201).send(await keys.add(organisation, key, secretOf(body)));
    });

    bringing.post<Named>('/keys/:name/rotate', async (request) => {
      using body = bodyOf(request.body);
      const organisation = organisationFor(request, 'keys.write');
      const { verify } = parse(keyRotate, body.fields);
      return await keys.rotate(organisation, request.params.name, { verify }, secretOf(body));
    });

    // It brings no key; who sends one by mistake is refused, and it is overwritten all the same.
    bringing.patch<Named>('/keys/:name', async (request) => {
      using body = bodyOf(request.body);
      const organisation = organisationFor(request, 'keys.write');
      return await keys.setCaps(organisation, request.params.name, parse(keyPatch, body.fields));
    });
  });
}

const bodyOf = (body: unknown): SecretBody =>
  body instanceof SecretBody ? body : new SecretBody(body, undefined);

/** The schemas require the member `secret`; one whose name was written with escapes was not found. */
function secretOf({ secret }: SecretBody): Secret {
  if (secret) return secret;
  throw new CodedError('request_invalid', {
    fields: [{ field: 'secret', problem: 'its name may not be written with escapes' }],
  });
}
