import { keyCreate, keyList, keyModelsReply, keyPatch, keyRotate, keyView, page } from '#protocol/api.ts';
import { KEY, TIMES } from '../examples.ts';
import type { Operation } from '../operation.ts';

const CHECKED = ['key_rejected', 'key_unverified', 'runtime_unavailable', 'gate_unavailable'] as const;

export const keyOperations: readonly Operation[] = [
  {
    id: 'listKeys',
    method: 'get',
    path: '/api/v1/keys',
    tag: 'Keys',
    summary: 'List keys',
    description: 'Oldest first, revoked ones with them.',
    query: keyList,
    reply: {
      status: 200,
      about: 'A page of keys.',
      schema: page(keyView),
      example: { items: [KEY], nextCursor: null },
    },
  },
  {
    id: 'addKey',
    method: 'post',
    path: '/api/v1/keys',
    tag: 'Keys',
    summary: 'Add a key',
    description:
      'The key is checked with the provider (`verify`) from a short-lived cage, sealed, and shown from then on only masked. A provider that cannot be reached is `key_unverified`: nothing is kept then.',
    body: {
      schema: keyCreate,
      example: { name: 'openai', provider: 'openai', secret: 'sk-proj-0123456789abcdef' },
    },
    reply: { status: 201, about: 'The key, masked.', schema: keyView, example: KEY },
    errors: ['name_taken', 'key_plaintext_endpoint', ...CHECKED],
  },
  {
    id: 'getKey',
    method: 'get',
    path: '/api/v1/keys/{key}',
    tag: 'Keys',
    summary: 'Get a key',
    reply: { status: 200, about: 'The key, masked.', schema: keyView, example: KEY },
  },
  {
    id: 'changeKey',
    method: 'patch',
    path: '/api/v1/keys/{key}',
    tag: 'Keys',
    summary: 'Change the caps of a key',
    description:
      'Of all Claws that use it together. What is left out stays; null takes a cap away; 0 lets no call through. In force for the next call within a second, also for one that waits already; what counts keeps counting. Also of a revoked key, which tasks that began before still use.',
    body: { schema: keyPatch, example: { tokensPerMinute: 200_000 } },
    reply: { status: 200, about: 'The key, masked.', schema: keyView, example: KEY },
  },
  {
    id: 'rotateKey',
    method: 'post',
    path: '/api/v1/keys/{key}/rotate',
    tag: 'Keys',
    summary: 'Replace a key',
    description: 'Tasks that run keep the old secret, the next ones get the new.',
    body: { schema: keyRotate, example: { secret: 'sk-proj-fedcba9876543210' } },
    reply: { status: 200, about: 'The next version.', schema: keyView, example: { ...KEY, version: 2 } },
    errors: ['key_revoked', 'conflict', ...CHECKED],
  },
  {
    id: 'revokeKey',
    method: 'post',
    path: '/api/v1/keys/{key}/revoke',
    tag: 'Keys',
    summary: 'Revoke a key',
    description:
      'Its sealed record is destroyed: nothing opens it again. Claws that use it fail with `key_revoked` from their next task on.',
    reply: {
      status: 200,
      about: 'The key, revoked.',
      schema: keyView,
      example: { ...KEY, state: 'revoked' },
    },
  },
  {
    id: 'listKeyModels',
    method: 'get',
    path: '/api/v1/keys/{key}/models',
    tag: 'Keys',
    summary: 'List the models of a key',
    description: 'Asked of the provider from a short-lived cage, and known for five minutes.',
    reply: {
      status: 200,
      about: 'What the provider offers to this key.',
      schema: keyModelsReply,
      example: { key: 'openai', models: ['gpt-4o', 'gpt-4o-mini'], askedAt: TIMES.at },
    },
    errors: ['key_revoked', ...CHECKED],
  },
];
