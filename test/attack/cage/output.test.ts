import { afterAll, beforeAll, expect, test } from 'vitest';
import { CageYard, type RealCage } from './real-cage.ts';

let yard: CageYard;
let cage: RealCage;
beforeAll(async () => {
  yard = await CageYard.open();
  cage = await yard.cage();
});
afterAll(async () => {
  await cage?.remove();
  await yard?.[Symbol.asyncDispose]();
});

/** Leaves a process in a session of its own that goes on turning files into links and back when the agent has ended. */
const SCRIPT = `
  mkdir -p out/folder && echo mine >out/folder/file && echo mine >out/swapped
  ln -s /etc/passwd out/link; ln -s /etc out/etc; ln -s /proc/1 out/init; ln -s .. out/up; mkfifo out/pipe
  ln -s /opt/clawcage out/folder/ours; ln /work/out/swapped out/hard
  setsid bash -c 'while :; do ln -sfn /etc/passwd out/swapped; rm -f out/swapped; echo mine >out/swapped; mv out/folder out/f; ln -s /etc out/folder; rm out/folder; mv out/f out/folder; done' &
  sleep 0.3; echo done
`;

test('files out hold what the agent wrote, and never what a link leads to, whatever goes on meanwhile', async () => {
  for (let epoch = 1; epoch <= 3; epoch++) {
    if (epoch > 1) await cage.reset();
    const from = cage.said.length;
    const result = await cage.runAgent(['/bin/bash', '-c', SCRIPT], 'sk-test', { epoch });
    expect(result).toMatchObject({ state: 'succeeded', answer: 'done\n' });
    const pieces = cage.said
      .slice(from)
      .flatMap((message) => (message.type === 'output_file' ? [message] : []));
    const contents = new Set(pieces.map(({ data }) => Buffer.from(data, 'base64').toString()));
    expect([...contents].filter((content) => content !== '' && content !== 'mine\n')).toEqual([]);
    expect(pieces.map(({ path }) => path)).toContain('hard');
    expect(pieces.every(({ path }) => /^(?:hard|swapped|(?:f|folder)\/file)$/.test(path))).toBe(true);
  }
});
