import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { settingsOf } from '#claw/document-settings.ts';
import { clawDocument } from '#claw/document.ts';
import type { ResultReply } from '#protocol/api.ts';
import { exampleImage } from '../../support/images.ts';
import { TestService } from '../../support/service.ts';

const EXAMPLES = fileURLToPath(new URL('../../../examples', import.meta.url));
/** The first run on a machine fetches packages of Debian, Python and npm. */
const FIRST_RUN_MS = 240_000;

let service: TestService;
beforeAll(async () => {
  service = await TestService.start();
});
afterAll(() => service[Symbol.asyncDispose]());

/** The example's own `claw.yaml`, with the key and the image of this test. */
async function deploy(name: string, hasImage = true): Promise<void> {
  const folder = join(EXAMPLES, name);
  const claw = settingsOf(clawDocument.parse(parse(readFileSync(join(folder, 'claw.yaml'), 'utf8'))));
  const image = hasImage ? await exampleImage(`example-${name}`, folder) : null;
  await service.claw(name, { ...claw, key: 'main', model: 'gpt-4o', agent: { ...claw.agent, image } });
}

const succeeded = ({ task, answer }: ResultReply): string => {
  expect(task.error).toBeUndefined();
  expect(task.state).toBe('succeeded');
  return answer!;
};

describe('an agent of one’s own', () => {
  it('is a bash script with curl, in the image of ClawCage', async () => {
    await deploy('bash-curl', false);
    const result = await service.run('bash-curl', '@say hello from "curl"');
    expect(succeeded(result)).toBe('hello from "curl"\n');
    expect(result.usage).toMatchObject({ requests: 1, totalTokens: service.chatCalls().at(-1)!.totalTokens });
  });

  it('that fails takes its task along, and says with which code it ended', async () => {
    const { task } = await service.run('bash-curl', '@fail 400');
    expect(task).toMatchObject({
      state: 'failed',
      error: { code: 'agent_failed', details: { exitCode: 22 } },
    });
  });

  it(
    'is a Python script with the official package, in an image of its own',
    async () => {
      await deploy('python-openai');
      const result = await service.run('python-openai', '@say für €5');
      expect(succeeded(result)).toBe('für €5');
      expect(result.usage.requests).toBe(1);
    },
    FIRST_RUN_MS,
  );

  it(
    'is one of the OpenAI Agents SDK, with a tool of its own',
    async () => {
      await deploy('openai-agents-sdk');
      const result = await service.run(
        'openai-agents-sdk',
        '@tool count_words {"text":"one two three"}\n@say {{last_tool_result}} words',
      );
      expect(succeeded(result)).toBe('3 words');
      expect(result.usage.requests).toBe(2);
    },
    FIRST_RUN_MS,
  );

  it(
    'is a coding agent from npm, which mends a repository and hands it back',
    async () => {
      await deploy('coding-agent');
      const source = Buffer.from('export const add = (a, b) => a - b;\n').toString('base64');
      const result = await service.run('coding-agent', {
        text: [
          'add.mjs gives wrong sums: fix it.',
          '@tool read_file {"file_path":"/work/repo/add.mjs"}',
          '@tool edit {"file_path":"/work/repo/add.mjs","old_string":"a - b","new_string":"a + b"}',
          `@tool run_shell_command ${JSON.stringify({ command: 'node -p "import(\'./add.mjs\').then((m) => console.log(m.add(2, 3)))"', is_background: false })}`,
          '@say Mended: {{last_tool_result}}',
        ].join('\n'),
        files: [{ name: 'add.mjs', data: source }],
      });
      expect(succeeded(result)).toMatch(/Mended: [^]*\b5\b/);
      const files = result.files.map(({ path }) => path);
      expect(files).toContain('add.mjs');
      const mended = await fetch(`${service.url}/api/v1/tasks/${result.task.id}/files/add.mjs`, {
        headers: { authorization: `Bearer ${service.token}` },
      });
      expect(await mended.text()).toBe('export const add = (a, b) => a + b;\n');
    },
    FIRST_RUN_MS,
  );
});
