import { describe, expect, it } from 'vitest';
import { parseChatRequest } from '../../../provider-sim/chat-request.ts';
import { unscriptedPlan } from '../../../provider-sim/model/unscripted.ts';

const shell = {
  type: 'function',
  function: {
    name: 'shell',
    parameters: { type: 'object', properties: { command: { type: 'string' }, timeout_seconds: {} } },
  },
};
const readFile = {
  type: 'function',
  function: { name: 'read_file', parameters: { properties: { path: {} } } },
};

/** What the model does first, and what it says once the tool has answered. */
function ask(
  text: string,
  {
    output,
    tools = [shell],
    system = 'Files lie in /work/in.',
    ...rest
  }: { output?: string; tools?: object[]; system?: string; tool_choice?: string } = {},
) {
  const messages: object[] = [
    { role: 'system', content: system },
    { role: 'user', content: text },
  ];
  if (output !== undefined) {
    const call = { id: 'c1', type: 'function', function: { name: 'shell', arguments: '{}' } };
    messages.push(
      { role: 'assistant', content: null, tool_calls: [call] },
      { role: 'tool', tool_call_id: 'c1', content: output },
    );
  }
  const [part] = unscriptedPlan(parseChatRequest({ model: 'm', messages, tools, ...rest })).parts;
  return part?.kind === 'call' ? JSON.parse(part.args) : part?.kind === 'text' ? part.text : undefined;
}

const DEMO = 'Count the words and lines of the attached file.';

describe('without a script the simulator', () => {
  it('counts the words and lines of the file that it was given by wc, and says the true figures', () => {
    const text = `${DEMO}\n\nFiles given: /work/in/story.txt`;
    expect(ask(text)).toEqual({ command: 'wc -l -w /work/in/story.txt' });
    expect(ask(text, { output: '  37  401 /work/in/story.txt\n' })).toBe(
      'story.txt has 401 words and 37 lines.',
    );
    expect(ask(text, { output: '{"exitCode":0,"stdout":" 37 401 /work/in/story.txt\\n"}' })).toBe(
      'story.txt has 401 words and 37 lines.',
    );
  });

  it('counts all that was given where no file is named', () => {
    expect(ask(DEMO)).toEqual({ command: 'wc -l -w /work/in/*' });
    const output = ' 1 2 /work/in/a\n 3 4 /work/in/b c\n 4 6 total\n';
    expect(ask(DEMO, { output })).toBe(
      'a has 2 words and 1 line. b c has 4 words and 3 lines. Together they have 6 words and 4 lines.',
    );
  });

  it('says only what was asked for, characters too', () => {
    const text = 'How many characters has /work/in/a.txt?';
    expect(ask(text)).toEqual({ command: 'wc -l -w -m /work/in/a.txt' });
    expect(ask(text, { output: '1 2 9 /work/in/a.txt' })).toBe('a.txt has 9 characters.');
  });

  it('finds the file by its name, and quotes what a shell would take apart', () => {
    expect(ask('Count the lines of b.txt.\n\nFiles given: /work/in/a.txt, /work/in/b.txt')).toEqual({
      command: 'wc -l -w /work/in/b.txt',
    });
    expect(ask(`${DEMO}\n\nFiles given: /work/in/it's $(me).txt`)).toEqual({
      command: `wc -l -w '/work/in/it'\\''s $(me).txt'`,
    });
    expect(ask(DEMO, { system: 'Given: "/work/in/two words.txt".' })).toEqual({
      command: "wc -l -w '/work/in/two words.txt'",
    });
  });

  it('reads the file where there is no shell, and counts for itself', () => {
    const text = `${DEMO}\nFiles given: /work/in/a.txt`;
    expect(ask(text, { tools: [readFile] })).toEqual({ path: '/work/in/a.txt' });
    expect(ask(text, { tools: [readFile], output: 'one two\nthree\n' })).toBe(
      'a.txt has 3 words and 2 lines.',
    );
  });

  it('says so when the tool gave no figures', () => {
    expect(ask(DEMO, { output: 'wc: /work/in/*: No such file or directory\n[exit code 1]' })).toMatch(
      /could not count.*\n.*No such file/,
    );
  });

  it('lists and reads files', () => {
    expect(ask('Which files are there?')).toEqual({ command: 'ls -1 /work/in' });
    expect(ask('Which files are there?', { output: 'a.txt\nb.txt\n' })).toBe(
      'These files are there:\na.txt\nb.txt',
    );
    expect(ask('Show me the file a.txt')).toEqual({ command: 'cat /work/in/a.txt' });
  });

  it('says what it is where it does not understand, has no tool, or may not use it', () => {
    for (const answer of [
      ask('Tell me a joke.'),
      ask(DEMO, { tools: [] }),
      ask(DEMO, { tool_choice: 'none' }),
    ])
      expect(answer).toMatch(/simulated model/);
  });
});
