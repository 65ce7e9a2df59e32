import { describe, expect, it } from 'vitest';
import { withSecret } from '../../../cli/secret-body.ts';
import { readSecret } from '../../../cli/terminal/secret-input.ts';
import { TestTerminal } from '../../support/cli.ts';

const KEY = 'sk-canary-0123456789';

describe('a secret from a pipe', () => {
  const piped = (text: string): Promise<Buffer> => {
    const terminal = new TestTerminal();
    terminal.stdin.end(text);
    return readSecret(terminal, 'Secret');
  };

  it('is taken without the white space around it', async () => {
    expect(String(await piped(`  ${KEY}\r\n`))).toBe(KEY);
  });

  it.each([
    ['nothing', ''],
    ['only white space', ' \n'],
    ['too short', 'short'],
    ['a space in it', `${KEY} ${KEY}`],
    ['a line too many', `${KEY}\n${KEY}`],
    ['more than 4096 bytes', 'k'.repeat(5000)],
  ])('is refused without being quoted: %s', async (_, text) => {
    const error = await piped(text).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'usage_invalid' });
    expect(JSON.stringify(error)).not.toContain(KEY);
  });
});

describe('a secret at a prompt', () => {
  it('is read in raw mode and never shown', async () => {
    const terminal = new TestTerminal({ tty: true });
    const secret = readSecret(terminal, 'Secret of key work');
    for (const typed of ['sk-cax', '\x7f', 'nary-0123456789', '\r']) terminal.stdin.write(typed);
    expect(String(await secret)).toBe(KEY);
    expect(terminal.rawModes).toEqual([true, false]);
    expect(terminal.written.stderr).toBe('Secret of key work (hidden): \n');
    expect(terminal.written.stdout).toBe('');
  });

  it('ends at Ctrl-C, with the terminal as it was', async () => {
    const terminal = new TestTerminal({ tty: true });
    const secret = readSecret(terminal, 'Secret');
    terminal.stdin.write('sk-abc\x03');
    await expect(secret).rejects.toMatchObject({ exitCode: 130 });
    expect(terminal.rawModes).toEqual([true, false]);
  });
});

it('makes the same body as JSON would, of a secret with characters that JSON escapes', () => {
  const body = withSecret({ name: 'work', verify: true }, Buffer.from('a"b\\c-d"'));
  expect(JSON.parse(String(body))).toEqual({ name: 'work', verify: true, secret: 'a"b\\c-d"' });
});
