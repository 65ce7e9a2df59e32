import type { IncomingMessage, ServerResponse } from 'node:http';
import { PassThrough, Readable } from 'node:stream';
import { expect, test } from 'vitest';
import { AgentExchange, passAnswer } from '../../../cage-image/meter/exchange.ts';
import type { PreparedCall } from '../../../cage-image/meter/prepared-call.ts';

const IMAGE = `data: {"type":"image_generation.completed","usage":{"input_tokens":5,"output_tokens":7,"total_tokens":12}}\n\n`;
const CHAT = `data: {"choices":[],"usage":{"prompt_tokens":5,"completion_tokens":7,"total_tokens":12}}\n\n`;

/** What is read of an answer that brings these events, and then ends or breaks off. */
async function read(operation: PreparedCall['operation'], event: string, breaksOff: boolean) {
  const body = Readable.from(
    (async function* () {
      yield Buffer.from(event);
      if (breaksOff) throw new Error('reset');
    })(),
  );
  const headers = { 'content-type': 'text/event-stream' };
  const answer = Object.assign(body, { headers, statusCode: 200 }) as unknown as IncomingMessage;
  const response = Object.assign(new PassThrough().resume(), { writeHead() {}, flushHeaders() {} });
  const exchange = new AgentExchange(response as unknown as ServerResponse);
  const call = { operation, model: 'm', method: 'POST', path: '/', tokens: 100 } as const;
  return passAnswer(answer, exchange, call, Buffer.from('sk-a-key-of-the-tests'));
}

test('images that come one by one have told their usage only where the stream came to its end', async () => {
  expect(await read('images', IMAGE, false)).toMatchObject({ whole: true, usage: { totalTokens: 12 } });
  expect(await read('images', IMAGE, true)).toEqual({ whole: false, usage: undefined });
});

test('a chat completion has told its usage with its last event', async () => {
  expect(await read('chat', CHAT, true)).toMatchObject({ whole: false, usage: { totalTokens: 12 } });
});
