import * as z from 'zod/mini';
import { FETCH_MS } from '../web/fetch-limit.ts';
import type { FetchArguments } from '../web/fetch-text.ts';
import type { Tool } from './tool.ts';

export const fetchUrl: Tool<FetchArguments> = {
  name: 'fetch',
  describe: ({ egress }) =>
    `Fetches an http(s) address: a web page as readable Markdown, JSON and other text as they are; anything else is saved to /work/downloads. ${reachable(egress)}`,
  parameters: {
    type: 'object',
    properties: {
      url: { type: 'string' },
      method: { type: 'string', enum: ['GET', 'POST'] },
      headers: { type: 'object', additionalProperties: { type: 'string' } },
      body: { type: 'string', description: 'Of a POST.' },
      raw: { type: 'boolean', description: 'A web page as its HTML source.' },
    },
    required: ['url'],
    additionalProperties: false,
  },
  arguments: z.object({
    url: z.string(),
    method: z.nullish(z.enum(['GET', 'POST'])),
    headers: z.nullish(z.record(z.string(), z.string())),
    body: z.nullish(z.string()),
    raw: z.nullish(z.boolean()),
  }),
  touches: () => ({ kind: 'outside' }),
  limitMs: () => FETCH_MS,
  // Loaded when it is first used: TLS and decompression cost time at the start of every task.
  run: async (args, context) => (await import('../web/fetch-text.ts')).fetchText(args, context),
};

function reachable(egress: readonly string[]): string {
  return egress.length === 0
    ? 'No host can be reached so far: each needs an entry of the egress list.'
    : `It reaches these hosts only: ${egress.slice(0, 50).join(', ')}${egress.length > 50 ? ', …' : ''}.`;
}
