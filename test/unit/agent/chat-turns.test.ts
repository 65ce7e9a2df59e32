import type { ChatCompletionChunk } from 'openai/resources/chat/completions';
import { describe, expect, test } from 'vitest';
import { readChunks } from '../../../cage-image/agent/turns/chat-turns.ts';

type Choice = ChatCompletionChunk['choices'][0];

async function* stream(
  ...deltas: [Partial<Choice['delta']>, Choice['finish_reason']?][]
): AsyncGenerator<ChatCompletionChunk> {
  for (const [delta, finish_reason = null] of deltas) {
    yield {
      id: 'x',
      object: 'chat.completion.chunk',
      created: 0,
      model: 'm',
      choices: [{ index: 0, delta, finish_reason }],
    };
  }
  yield { id: 'x', object: 'chat.completion.chunk', created: 0, model: 'm', choices: [] };
}
const silent = (): void => undefined;

describe('a turn of the model', () => {
  test('tells the text as it comes', async () => {
    const told: string[] = [];
    const turn = await readChunks(stream([{ content: 'a' }], [{ content: 'b' }], [{}, 'stop']), (text) =>
      told.push(text),
    );
    expect(told).toEqual(['a', 'b']);
    expect(turn).toEqual({ text: 'ab', refusal: '', calls: [], ending: 'done' });
  });

  test('puts tool calls together from their pieces, in their order', async () => {
    const piece = (index: number, id: string | undefined, name: string | undefined, args: string) => ({
      tool_calls: [{ index, ...(id && { id }), function: { ...(name && { name }), arguments: args } }],
    });
    const turn = await readChunks(
      stream(
        [piece(1, 'two', 'shell', '')],
        [piece(0, 'one', 'read_file', '{"pa')],
        [piece(1, undefined, undefined, '{}')],
        [piece(0, undefined, undefined, 'th":1}')],
        [{}, 'tool_calls'],
      ),
      silent,
    );
    expect(turn.calls).toEqual([
      { id: 'one', name: 'read_file', arguments: '{"path":1}' },
      { id: 'two', name: 'shell', arguments: '{}' },
    ]);
  });

  test('that does not say how it ended broke off', async () => {
    await expect(readChunks(stream([{ content: 'half' }]), silent)).rejects.toThrow('broke off');
  });

  test.each([
    ['length', 'length'],
    ['content_filter', 'filtered'],
    ['stop', 'done'],
  ] as const)('that ends with %s is %s', async (reason, ending) => {
    expect((await readChunks(stream([{ content: 'x' }, reason]), silent)).ending).toBe(ending);
  });

  test('keeps a refusal apart from the text', async () => {
    expect(
      await readChunks(stream([{ refusal: 'I will ' }], [{ refusal: 'not.' }, 'stop']), silent),
    ).toMatchObject({
      text: '',
      refusal: 'I will not.',
    });
  });
});

describe('reasoning that a server leaves in the text', () => {
  const textOf = async (...pieces: string[]): Promise<string> =>
    (
      await readChunks(
        stream(...pieces.map((content) => [{ content }] as [{ content: string }]), [{}, 'stop']),
        silent,
      )
    ).text;

  test.each([
    [['<think>hm', 'm</thi', 'nk>\n\nyes'], 'yes'],
    [['\n<th', 'ink>a</think>b'], 'b'],
    [['<thin', 'g> is a tag'], '<thing> is a tag'],
    [['a <think> in the middle</think>'], 'a <think> in the middle</think>'],
    [['<think>without end'], ''],
    [['<th'], '<th'],
  ])('%j is read as %j', async (pieces, text) => {
    expect(await textOf(...pieces)).toBe(text);
  });
});
