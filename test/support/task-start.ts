import type { ClawInputMessage, TaskInputMessage } from '#protocol/link-messages.ts';

/** A task of a text and nothing else. */
export const plainInput = (text: string, files: string[] = []): TaskInputMessage => ({
  text,
  files,
  images: [],
  answer: { type: 'text' },
  functions: [],
  functionWaitMs: 60_000,
});

/** A Claw of the built-in agent with every default. */
export const plainClaw = (given: Partial<ClawInputMessage> = {}): ClawInputMessage => ({
  name: 'tester',
  model: 'gpt-4o',
  instructions: '',
  maxSteps: 10,
  api: 'chat',
  models: {},
  tools: ['shell', 'files', 'fetch'],
  mcp: {},
  egress: [],
  ...given,
});
