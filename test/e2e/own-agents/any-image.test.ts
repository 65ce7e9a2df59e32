import { afterAll, beforeAll, expect, it } from 'vitest';
import { builtFromCage, oddImage } from '../../support/images.ts';
import { TestService } from '../../support/service.ts';

const FIRST_RUN_MS = 240_000;

let service: TestService;
beforeAll(async () => {
  service = await TestService.start();
});
afterAll(() => service[Symbol.asyncDispose]());

const agent = (image: string, script: string) => ({ agent: { image, command: ['/bin/sh', '-c', script] } });

it(
  'an image without a C library or users is a cage too, and its environment reaches the agent',
  async () => {
    await service.claw(
      'tiny',
      agent(await oddImage('busybox'), 'echo "$COLOUR $PATH $(/bin/busybox id -u)"'),
    );
    const { task, answer } = await service.run('tiny', 'go');
    expect(task.error).toBeUndefined();
    expect(answer).toBe('green /usr/games:/bin 10001\n');
  },
  FIRST_RUN_MS,
);

it(
  'the built-in agent works in it as well, with the tools that the image has',
  async () => {
    await service.claw('tiny-built-in', { agent: { image: await oddImage('busybox') } });
    const { task, answer } = await service.run(
      'tiny-built-in',
      '@tool shell {"command":"echo $((6 * 7))"}\n@say {{last_tool_result}}',
    );
    expect(task.error).toBeUndefined();
    expect(answer).toContain('42');
  },
  FIRST_RUN_MS,
);

it(
  'an image that would have code loaded into whatever runs in it gets none into what holds the key',
  async () => {
    await service.claw(
      'hostile',
      agent(await oddImage('hostile'), 'echo "$NODE_OPTIONS"; (: > /data/x) || echo closed'),
    );
    const { task, answer } = await service.run('hostile', 'go');
    // A cage whose warden has loaded anything but ours is not proven, and its task fails.
    expect(task.error).toBeUndefined();
    expect(answer).toBe('--require=/evil.cjs\nclosed\n');
  },
  FIRST_RUN_MS,
);

it(
  'an image that was built from ours is run as it is',
  async () => {
    await service.claw('own-build', agent(await builtFromCage('own-build'), 'cat /built'));
    const { task, answer } = await service.run('own-build', 'go');
    expect(task.error).toBeUndefined();
    expect(answer).toBe('built\n');
  },
  FIRST_RUN_MS,
);

it(
  'one that changed something of ours is refused when the Claw is deployed, and told what',
  async () => {
    const claw = { name: 'altered', model: 'gpt-4o', key: 'main', deploy: true };
    const reply = await service.call('POST', '/api/v1/claws', {
      ...claw,
      ...agent(await builtFromCage('altered'), 'true'),
    });
    expect(reply).toMatchObject({
      status: 422,
      body: {
        error: {
          code: 'agent_image_unusable',
          details: { reason: expect.stringContaining('clawcage/warden.mjs') },
        },
      },
    });
  },
  FIRST_RUN_MS,
);

it('an image that is nowhere to be had is refused within seconds, with what to do', async () => {
  const reply = await service.call('POST', '/api/v1/claws', {
    name: 'nowhere',
    model: 'gpt-4o',
    key: 'main',
    deploy: true,
    agent: { image: '127.0.0.1:1/nowhere:1', command: ['true'] },
  });
  expect(reply).toMatchObject({
    status: 503,
    body: {
      error: {
        code: 'agent_image_unavailable',
        details: { reason: expect.stringContaining('docker build') },
      },
    },
  });
});
