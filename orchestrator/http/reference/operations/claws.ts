import { clawCreate, clawList, clawPatch, clawView, page } from '#protocol/api.ts';
import { CLAW } from '../examples.ts';
import type { Operation } from '../operation.ts';

const DEPLOYS = [
  'runtime_unavailable',
  'image_missing',
  'gate_unavailable',
  'key_revoked',
  'key_rejected',
  'model_unknown',
  'agent_image_unusable',
] as const;

export const clawOperations: readonly Operation[] = [
  {
    id: 'listClaws',
    method: 'get',
    path: '/api/v1/claws',
    tag: 'Claws',
    summary: 'List Claws',
    description: 'Oldest first.',
    query: clawList,
    reply: {
      status: 200,
      about: 'A page of Claws.',
      schema: page(clawView),
      example: { items: [CLAW], nextCursor: null },
    },
  },
  {
    id: 'createClaw',
    method: 'post',
    path: '/api/v1/claws',
    tag: 'Claws',
    summary: 'Create a Claw',
    description:
      'With `deploy` it is deployed at once. What is left out has the default that its field says.',
    body: {
      schema: clawCreate,
      example: {
        name: 'writer',
        model: 'gpt-4o',
        key: 'openai',
        instructions: 'You write release notes.',
        tokensPerMinute: 60_000,
        egress: ['github.com'],
        deploy: true,
      },
    },
    reply: { status: 201, about: 'The Claw.', schema: clawView, example: CLAW },
    errors: ['name_taken', 'egress_provider_host', ...DEPLOYS],
  },
  {
    id: 'getClaw',
    method: 'get',
    path: '/api/v1/claws/{claw}',
    tag: 'Claws',
    summary: 'Get a Claw',
    reply: { status: 200, about: 'The Claw.', schema: clawView, example: CLAW },
  },
  {
    id: 'changeClaw',
    method: 'patch',
    path: '/api/v1/claws/{claw}',
    tag: 'Claws',
    summary: 'Change a Claw',
    description:
      'A field that is left out stays as it is; one that is there is replaced whole. Takes effect for the next task, caps for the next call; what runs is left alone.',
    body: { schema: clawPatch, example: { model: 'gpt-4o-mini', tokensPerMinute: 30_000 } },
    reply: {
      status: 200,
      about: 'The Claw as it is now.',
      schema: clawView,
      example: { ...CLAW, model: 'gpt-4o-mini', tokensPerMinute: 30_000 },
    },
    errors: ['key_revoked', 'egress_provider_host'],
  },
  {
    id: 'deleteClaw',
    method: 'delete',
    path: '/api/v1/claws/{claw}',
    tag: 'Claws',
    summary: 'Delete a Claw',
    description: 'Its tasks end as cancelled and its name is free. Its counts stay.',
    reply: { status: 204, about: 'It is gone.' },
  },
  {
    id: 'deployClaw',
    method: 'post',
    path: '/api/v1/claws/{claw}/deploy',
    tag: 'Claws',
    summary: 'Deploy a Claw',
    description: 'Checks engine, image, gate, key and model, and lets its tasks run.',
    reply: { status: 200, about: 'The Claw, deployed.', schema: clawView, example: CLAW },
    errors: [...DEPLOYS],
  },
  {
    id: 'stopClaw',
    method: 'post',
    path: '/api/v1/claws/{claw}/stop',
    tag: 'Claws',
    summary: 'Stop a Claw',
    description: 'Tasks that run end as cancelled; those that wait go on waiting.',
    reply: {
      status: 200,
      about: 'The Claw, stopped.',
      schema: clawView,
      example: { ...CLAW, state: 'stopped' },
    },
  },
];
