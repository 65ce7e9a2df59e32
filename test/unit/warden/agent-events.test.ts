import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { AgentLines, MAX_LINE_BYTES, type AgentLine } from '../../../cage-image/warden/agent-events.ts';

function lines(...chunks: (string | Uint8Array)[]): { heard: AgentLine[]; dropped: number } {
  const heard: AgentLine[] = [];
  const reader = new AgentLines((line) => heard.push(line));
  for (const chunk of chunks) reader.push(Buffer.from(chunk));
  return { heard, dropped: reader.dropped };
}
const TEXT = JSON.stringify({ kind: 'text', text: 'grüße\n' });

describe('what an agent says', () => {
  test('is heard line by line, wherever it is cut', () => {
    const all = Buffer.from(`${TEXT}\n`.repeat(3));
    fc.assert(
      fc.property(fc.nat(all.length), fc.nat(all.length), (a, b) => {
        const [from, to] = [Math.min(a, b), Math.max(a, b)];
        const { heard, dropped } = lines(all.subarray(0, from), all.subarray(from, to), all.subarray(to));
        expect([heard.length, dropped]).toEqual([3, 0]);
      }),
    );
  });

  test.each([
    ['no JSON', 'hello'],
    ['no event', '{"kind":"result","state":"succeeded"}'],
    ['an unknown field', '{"kind":"text","text":"x","more":1}'],
    ['a wrong type', '{"kind":"text","text":1}'],
    ['an error with nested details', '{"kind":"error","error":{"code":"x","details":{"a":{}}}}'],
    [
      'an error with long details',
      JSON.stringify({ kind: 'error', error: { code: 'x', details: { a: 'x'.repeat(501) } } }),
    ],
    ['a line that is too long', JSON.stringify({ kind: 'text', text: 'x'.repeat(MAX_LINE_BYTES) })],
    ['an empty line', ''],
  ])('is dropped and counted where it is %s, and the next line is heard', (_, line) => {
    expect(lines(`${line}\n${TEXT}\n`)).toMatchObject({ heard: [{ kind: 'text' }], dropped: 1 });
  });

  test('never throws, whatever it is', () => {
    fc.assert(fc.property(fc.array(fc.uint8Array({ maxLength: 50 })), (chunks) => void lines(...chunks)));
  });
});
