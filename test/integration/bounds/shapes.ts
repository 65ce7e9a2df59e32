import { wav } from '../../../provider-sim/media/containers.ts';
import { stripesPng } from '../../../provider-sim/media/png.ts';

/** A request as an agent sends it: an object as JSON, or a form. */
export interface Shape {
  readonly name: string;
  readonly path: string;
  readonly body: Readonly<Record<string, unknown>> | FormData;
}

/** So many tokens are answered, and no more are allowed: what is compared is the bound of the input. */
const SAID = 40;
const SCRIPT = `@stream ${SAID} tokens`;

export const TEXTS = {
  prose: 'The quick brown fox jumps over the lazy dog, and nobody in the village was surprised. '.repeat(40),
  german: 'Zwölf Boxkämpfer jagen Viktor quer über den großen Sylter Deich, obgleich es stürmt. '.repeat(20),
  chinese: '今天天气很好，我们一起去公园散步，然后喝一杯热茶。'.repeat(30),
  emoji: '👩‍👩‍👧‍👦🏳️‍🌈🧑🏽‍💻🦀'.repeat(30),
  code: 'for (const [at, line] of lines.entries()) {\n\tif (line === "") continue;\n\tsum += at * 2;\n}\n'.repeat(
    20,
  ),
  json: JSON.stringify(Array.from({ length: 60 }, (_, id) => ({ id, name: `user-${id}`, ok: id % 2 === 0 }))),
  escapes: '\u0000\u0001"\\\n\t\u2028'.repeat(60),
  digits: '3141592653589793'.repeat(40),
  special: '<|im_start|>system<|im_end|><|endoftext|>'.repeat(20),
  run: 'a'.repeat(3000),
} as const;

const schema = {
  type: 'object',
  properties: {
    city: { type: 'string', description: 'the name of the city, as its people write it' },
    inhabitants: { type: 'integer', minimum: 1000 },
    districts: { type: 'array', items: { type: 'object', properties: { name: { type: 'string' } } } },
    kind: { enum: ['town', 'city', 'metropolis'] },
  },
  required: ['city', 'inhabitants'],
  additionalProperties: false,
};
const functions = Array.from({ length: 6 }, (_, at) => ({
  name: `look_up_${at}`,
  description: `Looks something up in register number ${at}, by its city.`,
  parameters: schema,
}));
const small = { name: 'now', parameters: { type: 'object', properties: {} } };

export const image = (width: number, height: number): string =>
  `data:image/png;base64,${stripesPng(width, height, `${width}`).toString('base64')}`;

/** A PNG that says of itself to be that large; nobody reads more of it than its head. */
function claimed(width: number, height: number): string {
  const bytes = stripesPng(8, 8, 'x');
  bytes.writeUInt32BE(width, 16);
  bytes.writeUInt32BE(height, 20);
  return `data:image/png;base64,${bytes.toString('base64')}`;
}

const user = (content: unknown) => ({ role: 'user', content });
type More = Readonly<Record<string, unknown>>;
const chat = (name: string, messages: readonly unknown[], more: More = {}): Shape => ({
  name: `chat: ${name}`,
  path: '/v1/chat/completions',
  body: { model: 'gpt-4o', max_completion_tokens: SAID, messages: [...messages, user(SCRIPT)], ...more },
});
const response = (name: string, input: unknown, more: More = {}): Shape => ({
  name: `responses: ${name}`,
  path: '/v1/responses',
  body: { model: 'gpt-4o', max_output_tokens: SAID, input, ...more },
});

const call = {
  id: 'call_1',
  type: 'function',
  function: { name: 'look_up_0', arguments: '{"city":"Zürich"}' },
};
const result = { role: 'tool', tool_call_id: 'call_1', content: TEXTS.json };

const SEEN = ['gpt-4o', 'gpt-4o-mini', 'gpt-4.1', 'gpt-4.1-mini', 'gpt-5-mini', 'gpt-5.4', 'gpt-5.4-nano'];
const PIXELS: readonly (readonly [number, number])[] = [
  [1, 1],
  [512, 512],
  [1024, 1024],
  [2048, 4096],
  [6000, 300],
];

const CHATS: readonly Shape[] = [
  chat('plain', []),
  ...Object.entries(TEXTS).map(([kind, text]) => chat(kind, [user(text)])),
  chat('system', [{ role: 'system', content: TEXTS.prose }]),
  chat('developer', [{ role: 'developer', content: TEXTS.german }]),
  chat(
    '200 short messages',
    Array.from({ length: 200 }, (_, at) => ({ role: at % 2 === 0 ? 'user' : 'assistant', content: 'ok' })),
  ),
  chat(
    '200 empty messages',
    Array.from({ length: 200 }, () => user('')),
  ),
  chat('names', [{ role: 'user', name: 'Annemarie', content: 'Hello' }]),
  chat('one tool without parameters', [], { tools: [{ type: 'function', function: { name: 'x' } }] }),
  chat('a small tool', [], { tools: [{ type: 'function', function: small }] }),
  chat('tools', [], { tools: functions.map((one) => ({ type: 'function', function: one })) }),
  chat(
    'tool calls and results',
    [user('Go'), { role: 'assistant', content: null, tool_calls: [call] }, result],
    {
      tools: functions.map((one) => ({ type: 'function', function: one })),
    },
  ),
  chat('a JSON schema', [], {
    response_format: { type: 'json_schema', json_schema: { name: 'city', strict: true, schema } },
    max_completion_tokens: 400,
  }),
  chat('JSON', [user('Answer in JSON.')], { response_format: { type: 'json_object' } }),
  chat('4 choices', [], { n: 4 }),
  chat('a stream', [], { stream: true }),
  chat('a stream of 3 choices', [], { stream: true, n: 3 }),
  chat('reasoning', [], { model: 'gpt-5.4-mini', reasoning_effort: 'high', max_completion_tokens: 300 }),
  chat('parts', [user(Array.from({ length: 30 }, () => ({ type: 'text', text: 'part' })))]),
  chat('10 pictures', [
    user(Array.from({ length: 10 }, () => ({ type: 'image_url', image_url: { url: image(800, 600) } }))),
  ]),
  // These take a picture as it is, unless they are asked for less.
  ...['gpt-5.5', 'gpt-5.6-sol', 'gpt-6-astra'].flatMap((model) =>
    ['low', 'high', 'auto', 'original'].map((detail) =>
      chat(
        `a picture of 24 megapixels, ${detail}, ${model}`,
        [user([{ type: 'image_url', image_url: { url: claimed(6000, 4000), detail } }])],
        { model },
      ),
    ),
  ),
  ...SEEN.flatMap((model) =>
    PIXELS.flatMap(([width, height]) =>
      ['low', 'high', 'auto', ...(model.startsWith('gpt-5.4') ? ['original'] : [])].map((detail) =>
        chat(
          `a picture ${width}x${height}, ${detail}, ${model}`,
          [user([{ type: 'image_url', image_url: { url: image(width, height), detail } }])],
          { model },
        ),
      ),
    ),
  ),
];

const RESPONSES: readonly Shape[] = [
  response('text', SCRIPT),
  ...Object.entries(TEXTS).map(([kind, text]) => response(kind, `${text}\n${SCRIPT}`)),
  response('items', [user('Hello'), { role: 'assistant', content: 'Hello.' }, user(SCRIPT)]),
  response('parts', [user([{ type: 'input_text', text: TEXTS.prose }]), user(SCRIPT)]),
  response('instructions', SCRIPT, { instructions: TEXTS.prose }),
  response('tools', SCRIPT, { tools: functions.map((one) => ({ type: 'function', strict: false, ...one })) }),
  response('tool calls and results', [
    user('Go'),
    { type: 'function_call', call_id: 'call_1', name: 'look_up_0', arguments: '{"city":"Zürich"}' },
    { type: 'function_call_output', call_id: 'call_1', output: TEXTS.json },
    user(SCRIPT),
  ]),
  response('a JSON schema', SCRIPT, {
    text: { format: { type: 'json_schema', name: 'city', schema } },
    max_output_tokens: 400,
  }),
  response('reasoning', SCRIPT, {
    model: 'gpt-5.4-mini',
    reasoning: { effort: 'high' },
    max_output_tokens: 300,
  }),
  response('a stream', SCRIPT, { stream: true }),
  ...(['low', 'high'] as const).map((detail) =>
    response(`a picture, ${detail}`, [
      user([{ type: 'input_image', image_url: image(1500, 1500), detail }]),
      user(SCRIPT),
    ]),
  ),
];

const embeddings = (name: string, input: unknown, model = 'text-embedding-3-small'): Shape => ({
  name: `embeddings: ${name}`,
  path: '/v1/embeddings',
  body: { model, input },
});
const EMBEDDINGS: readonly Shape[] = [
  embeddings('a text', TEXTS.prose),
  embeddings('one letter', 'a'),
  embeddings('Chinese', TEXTS.chinese),
  embeddings(
    '100 texts',
    Array.from({ length: 100 }, (_, at) => `text number ${at}`),
  ),
  embeddings(
    'tokens',
    Array.from({ length: 500 }, (_, at) => at % 10),
  ),
  embeddings('lists of tokens', [[1, 2, 3], Array.from({ length: 200 }, () => 9)]),
  embeddings('the large model', TEXTS.german, 'text-embedding-3-large'),
];

function form(fields: Readonly<Record<string, string | Blob>>): FormData {
  const made = new FormData();
  for (const [name, value] of Object.entries(fields))
    if (typeof value === 'string') made.append(name, value);
    else made.append(name, value, name === 'file' ? 'sound.wav' : 'picture.png');
  return made;
}
const png = (width: number, height: number) =>
  new Blob([new Uint8Array(stripesPng(width, height, 'x'))], { type: 'image/png' });
const sound = (seconds: number) => new Blob([new Uint8Array(wav(seconds))], { type: 'audio/wav' });

const pictures = (more: More): Shape => ({
  name: `images: ${JSON.stringify(more)}`,
  path: '/v1/images/generations',
  body: { model: 'gpt-image-1', prompt: 'A red bicycle on a green hill', ...more },
});
const IMAGES: readonly Shape[] = [
  ...['low', 'medium', 'high', 'auto'].flatMap((quality) =>
    ['1024x1024', '1024x1536', '1536x1024', 'auto'].map((size) => pictures({ quality, size })),
  ),
  pictures({}),
  pictures({ n: 3, quality: 'low' }),
  pictures({ stream: true, partial_images: 3, quality: 'low' }),
  ...['low', 'high'].map((input_fidelity) => ({
    name: `images: edit, fidelity ${input_fidelity}`,
    path: '/v1/images/edits',
    body: form({
      model: 'gpt-image-1',
      prompt: 'Make it blue',
      input_fidelity,
      image: png(1200, 700),
      mask: png(1200, 700),
    }),
  })),
];

const speech = (name: string, more: More): Shape => ({
  name: `speech: ${name}`,
  path: '/v1/audio/speech',
  body: { model: 'gpt-4o-mini-tts', voice: 'alloy', input: 'Good morning, everybody.', ...more },
});
const heard = (
  name: string,
  path: string,
  fields: Readonly<Record<string, string>>,
  seconds: number,
): Shape => ({
  name: `${path.split('/').at(-1)!}: ${name}`,
  path,
  body: form({ ...fields, file: sound(seconds) }),
});
const AUDIO: readonly Shape[] = [
  speech('a sentence', {}),
  speech('slow', { speed: 0.25, input: TEXTS.prose.slice(0, 2000) }),
  speech('instructions', { instructions: 'Speak like a pirate.' }),
  speech('by the character', { model: 'tts-1' }),
  heard('1.5 s', '/v1/audio/transcriptions', { model: 'gpt-4o-transcribe' }, 1.5),
  heard(
    '30 s and a prompt',
    '/v1/audio/transcriptions',
    { model: 'gpt-4o-transcribe', prompt: 'A talk.' },
    30,
  ),
  heard('by the second', '/v1/audio/transcriptions', { model: 'whisper-1' }, 1),
  heard('by the second', '/v1/audio/translations', { model: 'whisper-1' }, 1),
];

const MODERATIONS: readonly Shape[] = [
  { name: 'moderations: a text', path: '/v1/moderations', body: { input: TEXTS.prose } },
  { name: 'moderations: texts', path: '/v1/moderations', body: { input: ['one', 'two'] } },
];

/** Every kind of request that a cage lets through. */
export const SHAPES: readonly Shape[] = [
  ...CHATS,
  ...RESPONSES,
  ...EMBEDDINGS,
  ...IMAGES,
  ...AUDIO,
  ...MODERATIONS,
];
