import { deliveryList, deliveryView, page, webhookSecretReply } from '#protocol/api.ts';
import { TASK_ID, TIMES } from '../examples.ts';
import type { Operation } from '../operation.ts';

const SECRET = { secret: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo=' };

export const webhookOperations: readonly Operation[] = [
  {
    id: 'getWebhookSecret',
    method: 'get',
    path: '/api/v1/webhooks/secret',
    tag: 'Webhooks',
    summary: 'Get the secret that signs webhooks',
    description: 'Made when it is first asked for. For owners and admins.',
    reply: { status: 200, about: 'The secret.', schema: webhookSecretReply, example: SECRET },
  },
  {
    id: 'rotateWebhookSecret',
    method: 'post',
    path: '/api/v1/webhooks/secret/rotate',
    tag: 'Webhooks',
    summary: 'Replace the secret that signs webhooks',
    description: 'For 24 h every delivery is signed with both, the new one first.',
    reply: { status: 200, about: 'The new secret.', schema: webhookSecretReply, example: SECRET },
    errors: ['conflict'],
  },
  {
    id: 'listDeliveries',
    method: 'get',
    path: '/api/v1/tasks/{task}/deliveries',
    tag: 'Webhooks',
    summary: 'List the deliveries of a task',
    description:
      'A delivery is tried at once and then after 5 s, 30 s, 2 min, 10 min, 1 h and 6 h, or when the receiver asks for it by `retry-after`; 410 ends it.',
    query: deliveryList,
    reply: {
      status: 200,
      about: 'What was told to whom about its end.',
      schema: page(deliveryView),
      example: {
        items: [
          {
            id: TASK_ID.replace('task_', 'delivery_'),
            task: TASK_ID,
            url: 'https://example.com/hooks/clawcage',
            state: 'waiting',
            attempts: 2,
            lastStatus: 503,
            lastError: null,
            nextAt: TIMES.ended,
            createdAt: TIMES.started,
          },
        ],
        nextCursor: null,
      },
    },
  },
];
