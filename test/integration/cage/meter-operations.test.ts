import { toFile, type OpenAI } from 'openai';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { MeterBench, MeterUnderTest } from './meter-bench.ts';
import {
  events,
  json,
  ScriptedProvider,
  type ScriptedAnswer,
  type SeenRequest,
} from './scripted-provider.ts';

let bench: MeterBench;
let provider: ScriptedProvider;
beforeAll(async () => {
  provider = await ScriptedProvider.start();
  bench = await MeterBench.start([`localhost:${provider.port}`]);
});
afterAll(async () => {
  await bench[Symbol.asyncDispose]();
  await provider[Symbol.asyncDispose]();
});
beforeEach(() => {
  provider.seen.length = 0;
});

const MODELS = {
  embeddings: ['text-embedding-3-small'],
  images: ['gpt-image-1'],
  speech: ['gpt-4o-mini-tts', 'tts-1'],
  transcriptions: ['gpt-4o-transcribe', 'whisper-1'],
  translations: ['whisper-1'],
  moderations: ['omni-moderation-latest'],
};

/** A meter whose provider answers so. */
async function metering(
  answer: ScriptedAnswer | ((request: SeenRequest) => ScriptedAnswer),
): Promise<MeterUnderTest> {
  provider.answer = typeof answer === 'function' ? answer : () => answer;
  const { baseUrl, caPem: ca } = provider;
  return MeterUnderTest.start(bench, { provider: bench.target({ baseUrl, ca }), models: MODELS });
}

const sentJson = (): Record<string, unknown> =>
  JSON.parse(provider.last().body.toString()) as Record<string, unknown>;
const sentForm = (): Promise<FormData> => {
  const { body, headers } = provider.last();
  const type = headers['content-type'] ?? '';
  return new Response(new Uint8Array(body), { headers: { 'content-type': type } }).formData();
};
const usage = (input: number, output: number) => ({
  input_tokens: input,
  output_tokens: output,
  total_tokens: input + output,
});
const settled = (meter: MeterUnderTest) => {
  const { operation, model, charge, usage: counts } = meter.only('settle');
  const asked = meter.only('permit_request');
  expect([asked.operation, asked.model]).toEqual([operation, model]);
  if (charge === 'reported') expect(asked.tokens).toBeGreaterThanOrEqual(counts!.totalTokens);
  return { operation, model, charge, input: counts?.inputTokens, output: counts?.outputTokens };
};

describe('the unmodified openai package through the meter', () => {
  const message = {
    type: 'message',
    id: 'm',
    role: 'assistant',
    status: 'completed',
    content: [{ type: 'output_text', text: 'hello', annotations: [] }],
  };
  const details = {
    input_tokens_details: { cached_tokens: 3 },
    output_tokens_details: { reasoning_tokens: 2 },
  };
  const response = {
    id: 'r',
    object: 'response',
    status: 'completed',
    model: 'gpt-4o',
    output: [message],
    usage: { ...usage(9, 4), ...details },
  };

  test('makes a response, which is not stored', async () => {
    await using meter = await metering(json(response));
    const answer = await meter.client().responses.create({ model: 'gpt-4o', input: 'hi' });
    expect(answer.output_text).toBe('hello');
    expect(sentJson()).toMatchObject({ store: false, max_output_tokens: 16_384, input: 'hi' });
    expect(settled(meter)).toEqual({
      operation: 'responses',
      model: 'gpt-4o',
      charge: 'reported',
      input: 9,
      output: 4,
    });
    expect(meter.only('settle').usage).toMatchObject({ cachedTokens: 3, reasoningTokens: 2 });
  });

  test('streams a response', async () => {
    const delta = {
      type: 'response.output_text.delta',
      delta: 'hello',
      item_id: 'm',
      output_index: 0,
      content_index: 0,
    };
    const created = { type: 'response.created', response: { ...response, output: [], usage: null } };
    await using meter = await metering(events(created, delta, { type: 'response.completed', response }));
    const seen: string[] = [];
    for await (const event of await meter
      .client()
      .responses.create({ model: 'gpt-4o', input: 'hi', stream: true }))
      seen.push(event.type);
    expect(seen).toEqual(['response.created', 'response.output_text.delta', 'response.completed']);
    expect(settled(meter)).toMatchObject({ charge: 'reported', input: 9, output: 4 });
  });

  test('is charged in full for a response that failed without a report', async () => {
    await using meter = await metering(
      events({ type: 'response.failed', response: { ...response, usage: null } }),
    );
    for await (const _ of await meter
      .client()
      .responses.create({ model: 'gpt-4o', input: 'hi', stream: true }));
    expect(settled(meter)).toMatchObject({ charge: 'full' });
  });

  test('counts input tokens for a request', async () => {
    await using meter = await metering(json({ object: 'response.input_tokens', input_tokens: 12 }));
    const count = await meter.client().responses.inputTokens.count({ model: 'gpt-4o', input: 'hi' });
    expect(count.input_tokens).toBe(12);
    expect(settled(meter)).toMatchObject({ operation: 'input_tokens', charge: 'request' });
  });

  test('embeds, in the encoding that the package asks for', async () => {
    const floats = Buffer.from(new Float32Array([0.5, -0.25]).buffer).toString('base64');
    const list = { object: 'list', model: 'x', data: [{ object: 'embedding', index: 0, embedding: floats }] };
    await using meter = await metering(json({ ...list, usage: { prompt_tokens: 2, total_tokens: 2 } }));
    const answer = await meter
      .client()
      .embeddings.create({ model: 'text-embedding-3-small', input: ['hi', 'you'] });
    expect(answer.data[0]?.embedding).toEqual([0.5, -0.25]);
    expect(sentJson()).toMatchObject({ encoding_format: 'base64' });
    expect(settled(meter)).toMatchObject({
      operation: 'embeddings',
      charge: 'reported',
      input: 2,
      output: 0,
    });
  });

  test('makes images of more bytes than are held, and their usage is read', async () => {
    const large = 'A'.repeat(24 * 1024 * 1024);
    await using meter = await metering(
      json({ created: 1, data: [{ b64_json: large }], usage: usage(20, 272) }),
    );
    const answer = await meter
      .client()
      .images.generate({ prompt: 'a cat', quality: 'low', size: '1024x1024' });
    expect(answer.data?.[0]?.b64_json?.length).toBe(large.length);
    expect(sentJson()).toMatchObject({ model: 'gpt-image-1' });
    expect(settled(meter)).toMatchObject({
      operation: 'images',
      model: 'gpt-image-1',
      charge: 'reported',
      output: 272,
    });
  });

  test('edits images by a form that is written anew', async () => {
    await using meter = await metering(
      json({ created: 1, data: [{ b64_json: 'AA' }], usage: usage(300, 4160) }),
    );
    const picture = Buffer.from([0x89, 0x50, 0x4e, 0x47, 13, 10, 13, 10, 0]);
    const image = [await toFile(picture, 'a.png', { type: 'image/png' }), await toFile(picture, 'b.png')];
    await meter.client().images.edit({ image, prompt: 'a hat', n: 1, quality: 'high', size: '1024x1024' });
    const form = await sentForm();
    expect(provider.last().headers['content-type']).toContain('clawcage-');
    expect([form.get('model'), form.get('prompt'), form.get('n')]).toEqual(['gpt-image-1', 'a hat', '1']);
    const files = form.getAll('image[]') as File[];
    expect(files.map((file) => [file.name, file.type])).toEqual([
      ['a.png', 'image/png'],
      ['b.png', 'application/octet-stream'],
    ]);
    expect(Buffer.from(await files[0]!.arrayBuffer())).toEqual(picture);
    expect(settled(meter)).toMatchObject({ operation: 'images', charge: 'reported', output: 4160 });
  });

  test('gets audio byte by byte, paid as its events tell', async () => {
    const audio = Buffer.from(Array.from({ length: 5000 }, (_, index) => (index * 7) % 256));
    const delta = (from: number, to?: number) => ({
      type: 'speech.audio.delta',
      audio: audio.subarray(from, to).toString('base64'),
    });
    const done = { type: 'speech.audio.done', usage: usage(6, 40) };
    await using meter = await metering(events(delta(0, 1), delta(1, 3000), delta(3000), done));
    const answer = await meter
      .client()
      .audio.speech.create({ model: 'gpt-4o-mini-tts', voice: 'alloy', input: 'hello' });
    expect(answer.headers.get('content-type')).toBe('audio/mpeg');
    expect(Buffer.from(await answer.arrayBuffer())).toEqual(audio);
    expect(settled(meter)).toMatchObject({ operation: 'speech', charge: 'reported', input: 6, output: 40 });
  });

  test('gets audio unchanged from a model without events, for a request', async () => {
    const audio = Buffer.from(Array.from({ length: 3000 }, (_, index) => (index * 13) % 256));
    await using meter = await metering({
      type: 'audio/mpeg',
      pieces: [audio.subarray(0, 9), audio.subarray(9)],
    });
    const answer = await meter
      .client()
      .audio.speech.create({ model: 'tts-1', voice: 'alloy', input: 'hello' });
    expect(Buffer.from(await answer.arrayBuffer())).toEqual(audio);
    expect(sentJson()).not.toHaveProperty('stream_format');
    expect(settled(meter)).toMatchObject({ model: 'tts-1', charge: 'request' });
  });

  test('does not take audio for whole that breaks off between its events', async () => {
    await using meter = await metering(
      events({ type: 'speech.audio.delta', audio: 'AAAA' }, { type: 'error' }),
    );
    const answer = await meter
      .client()
      .audio.speech.create({ model: 'gpt-4o-mini-tts', voice: 'alloy', input: 'hello' });
    await expect(answer.arrayBuffer()).rejects.toThrow();
    expect(settled(meter)).toMatchObject({ charge: 'full' });
  });

  test('gets the error of speech as it is', async () => {
    const error = {
      error: { message: 'no such voice', type: 'invalid_request_error', param: 'voice', code: null },
    };
    await using meter = await metering({ status: 400, pieces: [JSON.stringify(error)] });
    const call = meter.client().audio.speech.create({ model: 'gpt-4o-mini-tts', voice: 'x', input: 'hello' });
    await expect(call).rejects.toMatchObject({ status: 400, param: 'voice' });
    expect(settled(meter)).toMatchObject({ charge: 'request' });
  });

  test.each([
    ['gpt-4o-transcribe', { type: 'tokens', ...usage(14, 3) }, 14],
    ['whisper-1', { type: 'duration', seconds: 2 }, 0],
  ])('transcribes with %s', async (model, reported, input) => {
    await using meter = await metering(json({ text: 'hello', usage: reported }));
    const file = await toFile(Buffer.from('RIFF'), 'a.wav', { type: 'audio/wav' });
    const answer = await meter
      .client()
      .audio.transcriptions.create({ model, file, include: ['logprobs'], language: 'en' });
    expect(answer.text).toBe('hello');
    const form = await sentForm();
    expect([form.get('model'), form.get('language'), form.getAll('include[]')]).toEqual([
      model,
      'en',
      ['logprobs'],
    ]);
    expect(settled(meter)).toMatchObject({ operation: 'transcriptions', model, charge: 'reported', input });
  });

  test('streams a transcription', async () => {
    const done = { type: 'transcript.text.done', text: 'hello', usage: { type: 'tokens', ...usage(14, 3) } };
    await using meter = await metering(events({ type: 'transcript.text.delta', delta: 'hello' }, done));
    const file = await toFile(Buffer.from('x'), 'a.mp3');
    const stream = await meter
      .client()
      .audio.transcriptions.create({ model: 'gpt-4o-transcribe', file, stream: true });
    const seen: string[] = [];
    for await (const event of stream) seen.push(event.type);
    expect(seen).toEqual(['transcript.text.delta', 'transcript.text.done']);
    expect(settled(meter)).toMatchObject({ charge: 'reported', input: 14, output: 3 });
  });

  test('translates into subtitles, a text', async () => {
    await using meter = await metering({
      type: 'text/plain; charset=utf-8',
      pieces: ['1\n00:00 --> 00:01\nhi\n'],
    });
    const file = await toFile(Buffer.from('x'), 'a.mp3');
    const answer = await meter
      .client()
      .audio.translations.create({ model: 'whisper-1', file, response_format: 'srt' });
    expect(answer).toContain('-->');
    expect(settled(meter)).toMatchObject({ operation: 'translations', charge: 'request' });
  });

  test('moderates for a request', async () => {
    await using meter = await metering(json({ id: 'm', model: 'x', results: [{ flagged: true }] }));
    const answer = await meter.client().moderations.create({ input: 'hi' });
    expect(answer.results[0]?.flagged).toBe(true);
    expect(settled(meter)).toMatchObject({
      operation: 'moderations',
      model: 'omni-moderation-latest',
      charge: 'request',
    });
  });
});

describe('files', () => {
  const object = (id: string, filename = 'a.txt') => ({
    id,
    object: 'file',
    bytes: 3,
    filename,
    purpose: 'user_data',
  });
  const content = Buffer.from('{"usage":{"input_tokens":99,"output_tokens":99}}');
  const answers = (request: SeenRequest): ScriptedAnswer => {
    if (request.method === 'POST') return json(object(`file-${provider.seen.length}`));
    if (request.method === 'DELETE') return json({ id: 'file-1', object: 'file', deleted: true });
    return request.path.endsWith('/content') ? { pieces: [content] } : json(object('file-1', 'renamed.txt'));
  };
  const upload = async (client: OpenAI) =>
    client.files.create({ file: await toFile(Buffer.from('abc'), 'a.txt'), purpose: 'user_data' });

  test('of this task are made, listed, described, read and deleted', async () => {
    await using meter = await metering(answers);
    const { files } = meter.client();
    const ids = async () => {
      const all: string[] = [];
      for await (const file of files.list({ limit: 1 })) all.push(file.id);
      return all;
    };
    const { id } = await upload(meter.client());
    await upload(meter.client());
    expect(await ids()).toEqual(['file-2', 'file-1']);
    expect((await files.retrieve(id)).filename).toBe('renamed.txt');
    expect(Buffer.from(await (await files.content(id)).arrayBuffer())).toEqual(content);
    await files.delete(id);
    expect(await ids()).toEqual(['file-2']);
    expect(new Set(meter.all('settle').map(({ operation, charge }) => `${operation} ${charge}`))).toEqual(
      new Set(['files request']),
    );
  });

  test('of anybody else are not there', async () => {
    await using meter = await metering(answers);
    await upload(meter.client());
    const asked = provider.seen.length;
    const { files } = meter.client();
    for (const call of [
      () => files.retrieve('file-9'),
      () => files.content('file-9'),
      () => files.delete('file-9'),
    ]) {
      await expect(call()).rejects.toMatchObject({ status: 404, code: 'meter_file_unknown' });
    }
    expect(provider.seen.length).toBe(asked);
  });

  test('that the provider refused are not the task’s', async () => {
    await using meter = await metering({ status: 400, pieces: [JSON.stringify(object('file-1'))] });
    await expect(upload(meter.client())).rejects.toMatchObject({ status: 400 });
    await expect(meter.client().files.retrieve('file-1')).rejects.toMatchObject({ status: 404 });
  });

  test.each(['batch', 'fine-tune', 'evals'] as const)('for %s do not pass', async (purpose) => {
    await using meter = await metering(answers);
    const call = meter.client().files.create({ file: await toFile(Buffer.from('x'), 'a.jsonl'), purpose });
    await expect(call).rejects.toMatchObject({ status: 400, code: 'meter_unbounded', param: 'purpose' });
    expect(provider.seen).toEqual([]);
  });
});

describe('what the provider cannot read otherwise than the meter did', () => {
  test('a form with a second model between the lines', async () => {
    await using meter = await metering(json({ text: 'x' }));
    const hidden = 'x\r\n--b\r\nContent-Disposition: form-data; name="model"\r\n\r\nsora-2';
    const body = [
      '--a\r\nContent-Disposition: form-data; name="model"\r\n\r\nwhisper-1\r\n',
      `--a\r\nContent-Disposition: form-data; name="prompt"\r\n\r\n${hidden}\r\n`,
      '--a\r\nContent-Disposition: form-data; name="file"; filename="x.wav"\r\n\r\nx\r\n--a--\r\n',
    ].join('');
    const post = (type: string) =>
      fetch(`${meter.url}/audio/transcriptions`, {
        method: 'POST',
        body,
        headers: { authorization: meter.authorization, 'content-type': type },
      });
    expect((await post('multipart/form-data; boundary=a; boundary=b')).status).toBe(400);
    expect(provider.seen).toEqual([]);
    expect((await post('multipart/form-data; boundary=a')).status).toBe(200);
    expect((await sentForm()).getAll('model')).toEqual(['whisper-1']);
  });
});
