import { setDefaultCACertificates } from 'node:tls';
import OpenAI, { toFile } from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { imageFacts } from '../../../provider-sim/image-facts.ts';
import { wav } from '../../../provider-sim/media/containers.ts';
import { stripesPng } from '../../../provider-sim/media/png.ts';
import { startTestProvider, type TestProvider } from '../../support/provider.ts';

let provider: TestProvider;
let client: OpenAI;

beforeAll(async () => {
  provider = await startTestProvider();
  setDefaultCACertificates([provider.caPem]);
  client = new OpenAI({ apiKey: provider.key, baseURL: provider.url, maxRetries: 0 });
});
afterAll(() => provider.close());

const lastCall = () => provider.books().at(-1)!;
const png = (width: number, height: number) =>
  toFile(stripesPng(width, height, 'x'), 'in.png', { type: 'image/png' });
const sound = (seconds: number) => toFile(wav(seconds), 'sound.wav', { type: 'audio/wav' });

async function all<T>(events: AsyncIterable<T>): Promise<T[]> {
  const seen = [];
  for await (const event of events) seen.push(event);
  return seen;
}

describe('embeddings', () => {
  it('are unit vectors, the same for the same text, nearer where tokens are shared', async () => {
    const input = ['the cat sat down', 'the cat sat up', 'ein ganz anderer Satz'];
    const { data, usage } = await client.embeddings.create({ model: 'text-embedding-3-small', input });
    const [a, b, c] = data.map(({ embedding }) => embedding) as [number[], number[], number[]];
    const dot = (one: number[], other: number[]) =>
      one.reduce((sum, value, at) => sum + value * other[at]!, 0);
    expect([a.length, b.length, c.length]).toEqual([1536, 1536, 1536]);
    expect(dot(a, a)).toBeCloseTo(1, 5);
    expect(dot(a, b)).toBeGreaterThan(dot(a, c));
    expect(lastCall()).toMatchObject({
      operation: 'embeddings',
      inputTokens: usage.prompt_tokens,
      outputTokens: 0,
    });
  });

  it('are the same as floats and as base64, for text and its tokens, in the dimensions asked for', async () => {
    const model = 'text-embedding-3-large';
    const get = async (input: string | number[], encoding_format: 'float' | 'base64') =>
      (await client.embeddings.create({ model, input, dimensions: 64, encoding_format })).data[0]!.embedding;
    const floats = await get('hello', 'float');
    expect(floats).toHaveLength(64);
    const base64 = (await get('hello', 'base64')) as unknown as string;
    expect([...new Float32Array(new Uint8Array(Buffer.from(base64, 'base64')).buffer)]).toEqual(floats);
    expect(await get([24912], 'float')).toEqual(floats);
    expect(
      (await client.embeddings.create({ model, input: 'hello', dimensions: 64 })).data[0]!.embedding,
    ).toEqual(floats);
  });

  it.each([
    [{ input: '' }],
    [{ input: [] }],
    [{ input: 'x', dimensions: 4000 }],
    [{ input: 'x '.repeat(9000) }],
  ])('are refused where the request is wrong (%#)', async (wrong) => {
    await expect(
      client.embeddings.create({ model: 'text-embedding-3-small', ...wrong }),
    ).rejects.toMatchObject({
      status: 400,
    });
  });
});

describe('images', () => {
  it('are PNGs of the size asked for, n of them, with their usage', async () => {
    const made = await client.images.generate({
      model: 'gpt-image-1',
      prompt: 'A cage',
      size: '1536x1024',
      quality: 'low',
      n: 2,
    });
    const facts = made.data!.map(({ b64_json }) => imageFacts(Buffer.from(b64_json!, 'base64')));
    expect(facts).toEqual(Array(2).fill({ type: 'PNG', width: 1536, height: 1024 }));
    expect(made.usage).toMatchObject({ output_tokens: 800, input_tokens_details: { image_tokens: 0 } });
    expect(lastCall()).toMatchObject({ operation: 'images', totalTokens: made.usage!.total_tokens });
  });

  it('are edited from what came, and tell what that was', async () => {
    const made = await client.images.edit({
      model: 'gpt-image-1',
      image: [await png(64, 64), await png(32, 16)],
      mask: await png(64, 64),
      prompt: 'Add a lock',
      quality: 'low',
      size: '1024x1024',
    });
    expect(made.data?.[0]?.revised_prompt).toBe(
      'Edit of PNG 64x64; PNG 32x16 with a mask (PNG 64x64): Add a lock',
    );
    expect(made.usage?.input_tokens_details.image_tokens).toBeGreaterThan(0);
    expect(made.usage?.total_tokens).toBe(lastCall().totalTokens);
  });

  it('come in a stream, the unfinished ones first', async () => {
    const events = await all(
      await client.images.generate({ model: 'gpt-image-1', prompt: 'x', stream: true, partial_images: 2 }),
    );
    expect(events.map(({ type }) => type)).toEqual([
      'image_generation.partial_image',
      'image_generation.partial_image',
      'image_generation.completed',
    ]);
    expect(events.at(-1)).toMatchObject({ usage: { total_tokens: lastCall().totalTokens } });
  });

  it('are refused without a picture, and of a thing that is none', async () => {
    const text = await toFile(Buffer.from('no picture'), 'x.png');
    await expect(
      client.images.edit({ model: 'gpt-image-1', image: text, prompt: 'x' }),
    ).rejects.toMatchObject({
      status: 400,
      param: 'image',
    });
  });
});

describe('speech', () => {
  it.each([
    ['mp3', 'fff3', 'audio/mpeg'],
    ['opus', '4f676753', 'audio/opus'],
    ['aac', 'fff1', 'audio/aac'],
    ['flac', '664c6143', 'audio/flac'],
    ['wav', '52494646', 'audio/wav'],
    ['pcm', '0000', 'audio/pcm'],
  ] as const)('comes as %s', async (response_format, magic, type) => {
    const answer = await client.audio.speech.create({
      model: 'gpt-4o-mini-tts',
      voice: 'alloy',
      input: 'Hello',
      response_format,
    });
    expect(answer.headers.get('content-type')).toBe(type);
    expect(Buffer.from(await answer.arrayBuffer()).toString('hex')).toMatch(new RegExp(`^${magic}`));
  });

  it('comes as events with its usage', async () => {
    const answer = await client.audio.speech.create({
      model: 'gpt-4o-mini-tts',
      voice: 'alloy',
      input: 'Hello',
      stream_format: 'sse',
    });
    const events = (await answer.text())
      .split('\n\n')
      .filter((block) => block !== '')
      .map(
        (block) =>
          JSON.parse(block.replace('data: ', '')) as { type: string; usage?: { total_tokens: number } },
      );
    expect(events[0]!.type).toBe('speech.audio.delta');
    expect(events.at(-1)).toMatchObject({
      type: 'speech.audio.done',
      usage: { total_tokens: lastCall().totalTokens },
    });
  });
});

describe('transcriptions and translations', () => {
  it('tell the length and the size of a sound, with tokens or seconds by model', async () => {
    const file = await sound(1.5);
    const text = `This is a sound of 1.50 seconds. It came as WAV in ${file.size} bytes, named sound.wav.`;
    const heard = await client.audio.transcriptions.create({ model: 'gpt-4o-transcribe', file });
    expect(heard).toMatchObject({
      text,
      usage: { type: 'tokens', input_token_details: { audio_tokens: 15 } },
    });
    expect(lastCall().totalTokens).toBe((heard.usage as { total_tokens: number }).total_tokens);
    const whisper = await client.audio.transcriptions.create({ model: 'whisper-1', file: await sound(1.5) });
    expect(whisper).toMatchObject({ text, usage: { type: 'duration', seconds: 2 } });
    const translated = await client.audio.translations.create({ model: 'whisper-1', file: await sound(1.5) });
    expect(translated).toEqual({ text: `In English: ${text}` });
  });

  it('come in every format, with segments and words', async () => {
    const get = async (response_format: 'text' | 'srt' | 'vtt' | 'verbose_json') => {
      const file = await sound(2);
      const timestamps = response_format === 'verbose_json' ? (['word'] as const) : [];
      const body = { model: 'whisper-1', file, response_format, timestamp_granularities: [...timestamps] };
      return (await client.audio.transcriptions.create(body)) as unknown;
    };
    expect(await get('text')).toMatch(/^This is a sound/);
    expect(await get('srt')).toMatch(/^1\n00:00:00,000 --> 00:00:01,000\nThis is/);
    expect(await get('vtt')).toMatch(/^WEBVTT\n\n00:00:00\.000 --> 00:00:01\.000\n/);
    expect(await get('verbose_json')).toMatchObject({
      duration: 2,
      segments: [
        { start: 0, end: 1 },
        { start: 1, end: 2 },
      ],
      words: expect.arrayContaining([expect.objectContaining({ word: 'sound' })]) as unknown,
    });
    await expect(
      client.audio.transcriptions.create({
        model: 'gpt-4o-transcribe',
        file: await sound(1),
        response_format: 'srt',
      }),
    ).rejects.toMatchObject({ status: 400, param: 'response_format' });
  });

  it('come in a stream', async () => {
    const events = await all(
      await client.audio.transcriptions.create({
        model: 'gpt-4o-transcribe',
        file: await sound(1),
        stream: true,
      }),
    );
    const text = events.map((event) => (event.type === 'transcript.text.delta' ? event.delta : '')).join('');
    expect(events.at(-1)).toMatchObject({ text, usage: { total_tokens: lastCall().totalTokens } });
  });

  it('take our own speech, whatever it is in', async () => {
    for (const response_format of ['mp3', 'opus', 'aac', 'flac'] as const) {
      const said = await client.audio.speech.create({
        model: 'tts-1',
        voice: 'alloy',
        input: 'Hi',
        response_format,
      });
      const file = await toFile(said, `said.${response_format}`);
      await expect(client.audio.transcriptions.create({ model: 'whisper-1', file })).resolves.toHaveProperty(
        'text',
      );
    }
    const nothing = await toFile(Buffer.from('not a sound'), 'x.wav');
    await expect(
      client.audio.transcriptions.create({ model: 'whisper-1', file: nothing }),
    ).rejects.toMatchObject({
      status: 400,
    });
  });
});

describe('moderations', () => {
  it('flag by words, a result for each text, and cost nothing', async () => {
    const { results } = await client.moderations.create({
      input: ['I will kill the process', 'Good morning'],
    });
    expect(results.map(({ flagged }) => flagged)).toEqual([true, false]);
    expect(results[0]!.categories.violence).toBe(true);
    expect(lastCall()).toMatchObject({ operation: 'moderations', totalTokens: 0 });
  });

  it('take a text and a picture as one thing', async () => {
    const { results } = await client.moderations.create({
      model: 'omni-moderation-latest',
      input: [
        { type: 'text', text: 'hello' },
        { type: 'image_url', image_url: { url: 'data:image/png;base64,AA==' } },
      ],
    });
    expect(results).toMatchObject([
      { flagged: false, category_applied_input_types: { violence: ['text', 'image'] } },
    ]);
  });
});

describe('files', () => {
  it('are uploaded, listed in pages, read and deleted, each key its own', async () => {
    const upload = async (name: string) =>
      client.files.create({ file: await toFile(Buffer.from(`of ${name}`), name), purpose: 'user_data' });
    const files = [await upload('a.txt'), await upload('b.txt'), await upload('c.txt')];
    expect(files[0]).toMatchObject({ object: 'file', bytes: 8, filename: 'a.txt', purpose: 'user_data' });
    const listed = await all(client.files.list({ limit: 2, order: 'asc' }));
    expect(listed.map(({ filename }) => filename)).toEqual(['a.txt', 'b.txt', 'c.txt']);
    expect((await client.files.list({ limit: 2 })).data.map(({ filename }) => filename)).toEqual([
      'c.txt',
      'b.txt',
    ]);
    expect(await client.files.retrieve(files[1]!.id)).toEqual(files[1]);
    expect(await (await client.files.content(files[1]!.id)).text()).toBe('of b.txt');
    provider.keys.add('sk-another');
    const other = client.withOptions({ apiKey: 'sk-another' });
    expect((await other.files.list()).data).toEqual([]);
    await expect(other.files.content(files[1]!.id)).rejects.toMatchObject({ status: 404 });
    expect(await client.files.delete(files[1]!.id)).toMatchObject({ deleted: true });
    await expect(client.files.retrieve(files[1]!.id)).rejects.toMatchObject({ status: 404 });
  });
});

describe('models', () => {
  it('are several for each operation, and refused for another', async () => {
    const ids = (await client.models.list()).data.map(({ id }) => id);
    expect(ids).toEqual(
      expect.arrayContaining(['gpt-4o', 'text-embedding-3-large', 'gpt-image-1', 'tts-1', 'whisper-1']),
    );
    await expect(client.embeddings.create({ model: 'gpt-4o', input: 'x' })).rejects.toMatchObject({
      status: 400,
    });
    const messages = [{ role: 'user' as const, content: 'x' }];
    await expect(client.chat.completions.create({ model: 'whisper-1', messages })).rejects.toMatchObject({
      status: 404,
      param: 'model',
    });
  });
});
