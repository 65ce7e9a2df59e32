import { describe, expect, test } from 'vitest';
import { allowedCall } from '../../../cage-image/meter/allow-list.ts';
import { OwnFiles } from '../../../cage-image/meter/own-files.ts';
import { prepareCall } from '../../../cage-image/meter/prepare.ts';
import type { PreparedCall } from '../../../cage-image/meter/prepared-call.ts';

const CLAW = {
  model: 'gpt-4o',
  models: {
    chat: ['gpt-4o-mini'],
    embeddings: ['text-embedding-3-small', 'text-embedding-3-large'],
    images: ['gpt-image-1'],
    speech: ['gpt-4o-mini-tts', 'tts-1'],
    moderations: ['omni-moderation-latest'],
    transcriptions: ['gpt-4o-transcribe'],
  },
};

function prepared(path: string, body: object, claw: Parameters<typeof prepareCall>[2] = CLAW): PreparedCall {
  const bytes = Buffer.from(JSON.stringify(body));
  const asked = { body: bytes, contentType: 'application/json', accept: undefined };
  return prepareCall(allowedCall('POST', `/v1${path}`), asked, claw, new OwnFiles()) as PreparedCall;
}
const sent = (call: PreparedCall): unknown => JSON.parse(call.body!.toString());
const refused = (reason: string) =>
  expect.objectContaining({
    code: 'meter_model_refused',
    details: expect.objectContaining({ reason: expect.stringContaining(reason) }),
  });

describe('the model of a call', () => {
  test('may be any that the Claw has for that operation', () => {
    const embed = (model: string) => prepared('/embeddings', { model, input: 'x' });
    expect(embed('text-embedding-3-large')).toMatchObject({
      operation: 'embeddings',
      model: 'text-embedding-3-large',
    });
    expect(prepared('/responses', { model: 'gpt-4o-mini', input: 'x' }).model).toBe('gpt-4o-mini');
    expect(() => embed('gpt-4o')).toThrow(refused('text-embedding-3-small, text-embedding-3-large'));
    expect(() => prepared('/chat/completions', { model: 'text-embedding-3-small', messages: [] })).toThrow(
      refused('gpt-4o, gpt-4o-mini'),
    );
  });

  test('is the first of its list where the API does not ask for one', () => {
    expect(sent(prepared('/moderations', { input: 'x' }))).toEqual({
      input: 'x',
      model: 'omni-moderation-latest',
    });
    expect(prepared('/images/generations', { prompt: 'x' }).model).toBe('gpt-image-1');
    expect(() => prepared('/responses', { input: 'x' })).toThrow(refused('gpt-4o'));
  });

  test('that is not there at all is refused with the field of claw.yaml that is to be set', () => {
    const bare = { model: 'gpt-4o', models: {} };
    expect(() => prepared('/embeddings', { model: 'gpt-4o', input: 'x' }, bare)).toThrow(
      refused('models: { embeddings: [MODEL] }'),
    );
  });
});

describe('what is sent', () => {
  test('is written anew, so that a field that stands twice means what we understood', () => {
    const asked = {
      body: Buffer.from(
        '{"model":"gpt-4o","model":"gpt-4o","input":"x","max_output_tokens":9,"max_output_tokens":5}',
      ),
      contentType: undefined,
      accept: undefined,
    };
    const call = prepareCall(
      allowedCall('POST', '/v1/responses'),
      asked,
      CLAW,
      new OwnFiles(),
    ) as PreparedCall;
    expect(call.body?.toString().match(/max_output_tokens/g)?.length).toBe(1);
    expect(sent(call)).toMatchObject({ max_output_tokens: 5, store: false });
  });

  test('has the limit of the Claw, of chat completions too', () => {
    const claw = { ...CLAW, maxOutputTokens: 77 };
    expect(sent(prepared('/chat/completions', { model: 'gpt-4o', messages: [] }, claw))).toMatchObject({
      max_tokens: 77,
    });
    expect(sent(prepared('/responses', { model: 'gpt-4o', input: 'x' }, claw))).toMatchObject({
      max_output_tokens: 77,
    });
  });

  test('asks for the events of speech, which tell its usage, where the model has them', () => {
    const speech = (more: object) => prepared('/audio/speech', { input: 'x', voice: 'alloy', ...more });
    expect(sent(speech({ response_format: 'wav' }))).toMatchObject({ stream_format: 'sse' });
    expect(speech({ response_format: 'wav' }).audioType).toBe('audio/wav');
    expect(speech({ stream_format: 'sse' }).audioType).toBeUndefined();
    expect(sent(speech({ model: 'tts-1' }))).not.toHaveProperty('stream_format');
  });

  test('counts input tokens at the cost of a request', () => {
    const call = prepared('/responses/input_tokens', { model: 'gpt-4o', input: 'x' });
    expect(call).toMatchObject({ operation: 'input_tokens', tokens: 0 });
    expect(() => prepared('/responses/input_tokens', { model: 'gpt-4o', previous_response_id: 'r' })).toThrow(
      expect.objectContaining({ code: 'meter_unbounded' }),
    );
  });
});

describe('own files', () => {
  const own = new OwnFiles();
  for (const id of ['a', 'b', 'c', 'd']) own.created({ id, purpose: id === 'c' ? 'vision' : 'user_data' });
  own.deleted('d');
  const page = (query: string) => own.page(new URLSearchParams(query));
  const ids = (query: string) => (page(query) as { data: { id: string }[] }).data.map((file) => file.id);

  test('are those that were made here and not deleted', () => {
    expect(() => own.check('a')).not.toThrow();
    for (const id of ['d', 'file-of-another']) {
      expect(() => own.check(id)).toThrow(
        expect.objectContaining({ code: 'meter_file_unknown', status: 404 }),
      );
    }
    own.described({ id: 'file-of-another' });
    expect(() => own.check('file-of-another')).toThrow();
  });

  test('are listed by pages, newest first', () => {
    expect(ids('')).toEqual(['c', 'b', 'a']);
    expect(ids('order=asc&limit=2')).toEqual(['a', 'b']);
    expect(page('order=asc&limit=2')).toMatchObject({ has_more: true, last_id: 'b' });
    expect(ids('order=asc&limit=2&after=b')).toEqual(['c']);
    expect(ids('purpose=vision')).toEqual(['c']);
    expect(() => ids('limit=0')).toThrow(expect.objectContaining({ code: 'meter_request_invalid' }));
  });
});
