import type { ChatCompletionChunk } from 'openai/resources/chat/completions';

export interface ToolCall {
  readonly id: string;
  readonly name: string;
  readonly arguments: string;
}

/** What the model said in one step, put together from its chunks. */
export interface Turn {
  readonly text: string;
  readonly refusal: string;
  readonly toolCalls: readonly ToolCall[];
  readonly finishReason: string;
}

/** An answer ended without saying that it has: it broke off. */
export class BrokenOff extends Error {
  override readonly name = 'BrokenOff';
}

/** Reads a stream of chunks to its end, telling each piece of text as it comes. Throws `BrokenOff` where it does not end as it should. */
export async function readTurn(
  chunks: AsyncIterable<ChatCompletionChunk>,
  onText: (text: string) => void,
): Promise<Turn> {
  const calls = new Map<number, { id: string; name: string; arguments: string }>();
  let text = '';
  let refusal = '';
  let finishReason: string | undefined;
  for await (const chunk of chunks) {
    const choice = chunk.choices[0];
    if (choice === undefined) continue;
    const { delta } = choice;
    if (delta.content) {
      text += delta.content;
      onText(delta.content);
    }
    refusal += delta.refusal ?? '';
    for (const piece of delta.tool_calls ?? []) {
      const call = calls.get(piece.index) ?? { id: '', name: '', arguments: '' };
      call.id ||= piece.id ?? '';
      call.name += piece.function?.name ?? '';
      call.arguments += piece.function?.arguments ?? '';
      calls.set(piece.index, call);
    }
    finishReason = choice.finish_reason ?? finishReason;
  }
  if (finishReason === undefined) throw new BrokenOff('The answer broke off before its end.');
  return { text, refusal, toolCalls: inOrder(calls), finishReason };
}

function inOrder(calls: ReadonlyMap<number, ToolCall>): ToolCall[] {
  return [...calls]
    .sort(([a], [b]) => a - b)
    .map(([index, call]) => ({ ...call, id: call.id || `call_${index}` }));
}
