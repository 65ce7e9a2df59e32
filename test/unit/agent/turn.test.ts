import type { ChatCompletionChunk } from 'openai/resources/chat/completions';
import { describe, expect, test } from 'vitest';
import { readTurn } from '../../../cage-image/agent/turn.ts';

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

describe('a turn of the model', () => {
  test('tells the text as it comes', async () => {
    const told: string[] = [];
    const turn = await readTurn(stream([{ content: 'a' }], [{ content: 'b' }], [{}, 'stop']), (text) =>
      told.push(text),
    );
    expect(told).toEqual(['a', 'b']);
    expect(turn).toEqual({ text: 'ab', refusal: '', toolCalls: [], finishReason: 'stop' });
  });

  test('puts tool calls together from their pieces, in their order', async () => {
    const piece = (index: number, id: string | undefined, name: string | undefined, args: string) => ({
      tool_calls: [{ index, ...(id && { id }), function: { ...(name && { name }), arguments: args } }],
    });
    const turn = await readTurn(
      stream(
        [piece(1, 'two', 'shell', '')],
        [piece(0, 'one', 'read_file', '{"pa')],
        [piece(1, undefined, undefined, '{}')],
        [piece(0, undefined, undefined, 'th":1}')],
        [{}, 'tool_calls'],
      ),
      () => undefined,
    );
    expect(turn.toolCalls).toEqual([
      { id: 'one', name: 'read_file', arguments: '{"path":1}' },
      { id: 'two', name: 'shell', arguments: '{}' },
    ]);
  });

  test('that does not say how it ended broke off', async () => {
    await expect(readTurn(stream([{ content: 'half' }]), () => undefined)).rejects.toThrow('broke off');
  });
});
