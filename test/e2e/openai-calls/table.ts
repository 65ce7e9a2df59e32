/**
 * One call of the official `openai` packages. Both are driven by the same words: `method` in Python's spelling, `positional` arguments before the `body`,
 * which is an object in Node and keyword arguments in Python. `{$file}` in a body stands for a file beside the table, `{$result}` for a part of what an
 * earlier call gave.
 */
export interface TableCall {
  readonly name: string;
  readonly method: string;
  readonly positional?: readonly unknown[];
  readonly body?: Readonly<Record<string, unknown>>;
  /** `json`: an object, or a text; `stream`: all its events; `bytes`: a binary body; `page`: the objects of a list. */
  readonly read: 'json' | 'stream' | 'bytes' | 'page';
  /** How often the package may try again; not at all unless it says so. */
  readonly retries?: number;
  /** The package throws an error. */
  readonly refused?: boolean;
}

const CHAT = 'chat.completions.create';
const RESPONSES = 'responses.create';
const user = (content: unknown) => ({ role: 'user', content });
const chat = (
  name: string,
  content: unknown,
  more: object = {},
  read: TableCall['read'] = 'json',
): TableCall => ({
  name,
  method: CHAT,
  body: { model: 'gpt-4o', messages: [user(content)], ...more },
  read,
});
const respond = (
  name: string,
  input: unknown,
  more: object = {},
  read: TableCall['read'] = 'json',
): TableCall => ({
  name,
  method: RESPONSES,
  body: { model: 'gpt-4o', input, ...more },
  read,
});

const parameters = { type: 'object', properties: { command: { type: 'string' } }, required: ['command'] };
const TOOLS = [{ type: 'function', function: { name: 'shell', description: 'Runs a command.', parameters } }];
const RESPONSES_TOOLS = [
  { type: 'function', name: 'shell', description: 'Runs a command.', parameters, strict: false },
];
const SCRIPT =
  '@say Let me see.\n@tool shell {"command":"date"}\n@also shell {"command":"id"}\n@say I saw {{tool_results}}';
const schema = {
  type: 'object',
  properties: { city: { type: 'string' }, inhabitants: { type: 'integer', minimum: 1000 } },
  required: ['city', 'inhabitants'],
  additionalProperties: false,
};
const IMAGE = { $dataUrl: 'picture.png' };
const output = (at: number) => ({
  type: 'function_call_output',
  call_id: { $result: `responses: tools.output.${at + 1}.call_id` },
  output: `output ${at}`,
});

const CHATS: readonly TableCall[] = [
  chat('chat: plain', '@say Hello from the model.'),
  chat('chat: without a script', 'Hello'),
  chat('chat: a limit', '@stream 50 tokens', { max_completion_tokens: 9 }),
  chat('chat: several choices', '@say three times', { n: 3 }),
  chat('chat: stream', '@say Über Bäume 🦀 und mehr', { stream: true }, 'stream'),
  chat(
    'chat: stream with usage',
    '@stream 20 tokens',
    { stream: true, stream_options: { include_usage: true } },
    'stream',
  ),
  chat('chat: tools', SCRIPT, { tools: TOOLS }),
  {
    name: 'chat: the tools’ results',
    method: CHAT,
    body: {
      model: 'gpt-4o',
      messages: [
        user(SCRIPT),
        { $result: 'chat: tools.choices.0.message' },
        ...[0, 1].map((at) => ({
          role: 'tool',
          tool_call_id: { $result: `chat: tools.choices.0.message.tool_calls.${at}.id` },
          content: `output ${at}`,
        })),
      ],
      tools: TOOLS,
    },
    read: 'json',
  },
  chat('chat: tools in a stream', SCRIPT, { tools: TOOLS, stream: true }, 'stream'),
  chat('chat: a JSON schema', 'A city', {
    response_format: { type: 'json_schema', json_schema: { name: 'city', strict: true, schema } },
  }),
  chat('chat: a picture', [
    { type: 'text', text: 'What is this?' },
    { type: 'image_url', image_url: { url: IMAGE, detail: 'low' } },
  ]),
  chat('chat: a refusal', '@refuse I had rather not.'),
  chat('chat: thinking', '@reason 30 tokens\n@say So it is.', { reasoning_effort: 'low' }),
];

const RESPONSES_CALLS: readonly TableCall[] = [
  respond('responses: plain', '@say Hello from the model.', { instructions: 'Be brief.' }),
  respond('responses: a limit', '@stream 50 tokens', { max_output_tokens: 16 }),
  respond('responses: stream', '@say Über Bäume 🦀 und mehr', { stream: true }, 'stream'),
  respond('responses: tools', SCRIPT, { tools: RESPONSES_TOOLS }),
  {
    name: 'responses: the tools’ results',
    method: RESPONSES,
    body: {
      model: 'gpt-4o',
      input: [
        user(SCRIPT),
        { $result: 'responses: tools.output.0' },
        { $result: 'responses: tools.output.1' },
        { $result: 'responses: tools.output.2' },
        output(0),
        output(1),
      ],
      tools: RESPONSES_TOOLS,
    },
    read: 'json',
  },
  respond('responses: tools in a stream', SCRIPT, { tools: RESPONSES_TOOLS, stream: true }, 'stream'),
  respond('responses: a JSON schema', 'A city', {
    text: { format: { type: 'json_schema', name: 'city', strict: true, schema } },
  }),
  respond('responses: a picture', [
    user([
      { type: 'input_text', text: 'What is this?' },
      { type: 'input_image', image_url: IMAGE, detail: 'low' },
    ]),
  ]),
  respond('responses: thinking', '@say So it is.', { reasoning: { effort: 'low' } }),
  {
    name: 'responses: the tokens of an input',
    method: 'responses.input_tokens.count',
    body: { model: 'gpt-4o', input: 'How many tokens are these?' },
    read: 'json',
  },
];

const embed = (name: string, more: object): TableCall => ({
  name,
  method: 'embeddings.create',
  body: { model: 'text-embedding-3-small', ...more },
  read: 'json',
});
const transcribe = (name: string, more: object, read: TableCall['read'] = 'json'): TableCall => ({
  name,
  method: 'audio.transcriptions.create',
  body: { model: 'whisper-1', file: { $file: 'sound.wav' }, ...more },
  read,
});
const speak = (name: string, more: object): TableCall => ({
  name,
  method: 'audio.speech.create',
  body: { model: 'gpt-4o-mini-tts', voice: 'alloy', input: 'Hello there', ...more },
  read: 'bytes',
});

const OTHERS: readonly TableCall[] = [
  embed('embeddings: a text', { input: 'the cat sat down' }),
  embed('embeddings: several, of few dimensions', {
    input: ['one', 'two'],
    dimensions: 8,
    encoding_format: 'float',
  }),
  embed('embeddings: tokens', { input: [24912, 2375] }),
  {
    name: 'images: make',
    method: 'images.generate',
    body: { model: 'gpt-image-1', prompt: 'A cage', size: '1024x1024', quality: 'low', n: 2 },
    read: 'json',
  },
  {
    name: 'images: edit',
    method: 'images.edit',
    body: {
      model: 'gpt-image-1',
      image: [{ $file: 'picture.png' }, { $file: 'picture.png' }],
      mask: { $file: 'picture.png' },
      prompt: 'Add a lock',
      quality: 'low',
      size: '1024x1024',
    },
    read: 'json',
  },
  speak('speech: MP3', {}),
  speak('speech: WAV', { response_format: 'wav', speed: 2 }),
  speak('speech: paid by the character', { model: 'tts-1', response_format: 'opus' }),
  transcribe('transcriptions: by duration', {}),
  transcribe('transcriptions: by tokens', { model: 'gpt-4o-transcribe' }),
  transcribe('transcriptions: subtitles', { response_format: 'srt' }),
  transcribe('transcriptions: with words', {
    response_format: 'verbose_json',
    timestamp_granularities: ['word', 'segment'],
  }),
  transcribe('transcriptions: stream', { model: 'gpt-4o-transcribe', stream: true }, 'stream'),
  {
    name: 'translations',
    method: 'audio.translations.create',
    body: { model: 'whisper-1', file: { $file: 'sound.wav' } },
    read: 'json',
  },
  {
    name: 'moderations',
    method: 'moderations.create',
    body: { model: 'omni-moderation-latest', input: ['I will kill the process', 'Good morning'] },
    read: 'json',
  },
  {
    name: 'files: upload',
    method: 'files.create',
    body: { file: { $file: 'sound.wav' }, purpose: 'user_data' },
    read: 'json',
  },
  { name: 'files: list', method: 'files.list', read: 'page' },
  {
    name: 'files: retrieve',
    method: 'files.retrieve',
    positional: [{ $result: 'files: upload.id' }],
    read: 'json',
  },
  {
    name: 'files: content',
    method: 'files.content',
    positional: [{ $result: 'files: upload.id' }],
    read: 'bytes',
  },
  {
    name: 'files: delete',
    method: 'files.delete',
    positional: [{ $result: 'files: upload.id' }],
    read: 'json',
  },
  { name: 'files: list when empty', method: 'files.list', read: 'page' },
  { name: 'models: list', method: 'models.list', read: 'page' },
  { name: 'models: one', method: 'models.retrieve', positional: ['gpt-4o'], read: 'json' },
];

const refused = (call: TableCall): TableCall => ({ ...call, refused: true });
const ERRORS: readonly TableCall[] = [
  ...[400, 401, 403, 404, 429, 500, 503].map((status) =>
    refused(chat(`error: ${status}`, status < 429 ? `@fail ${status}` : `@fail ${status} retry-after 1`)),
  ),
  refused(respond('error: of a response', '@fail 500')),
  refused(embed('error: of embeddings', { input: '@fail 429 retry-after 2' })),
  { ...chat('error: once, then through', '@fail 503 times 1\n@say through, PROGRAM'), retries: 1 },
  refused(
    chat('error: in a stream', '@fail 500 after 3 tokens\n@stream 9 tokens', { stream: true }, 'stream'),
  ),
  respond(
    'error: in a stream of a response',
    '@fail 500 after 3 tokens\n@stream 9 tokens',
    { stream: true },
    'stream',
  ),
  refused(
    chat('error: a tool’s call without its result', '', {
      messages: [
        {
          role: 'assistant',
          tool_calls: [{ id: 'call_x', type: 'function', function: { name: 'shell', arguments: '{}' } }],
        },
      ],
    }),
  ),
  refused(embed('error: an empty text', { input: '' })),
];

/** Every call that a cage lets through, in the order in which they are made. */
export const TABLE: readonly TableCall[] = [...CHATS, ...RESPONSES_CALLS, ...OTHERS, ...ERRORS];

/** The table for one program: what the simulator keeps of a request that failed must not meet another's. */
export function tableFor(program: string): string {
  return JSON.stringify(TABLE).replaceAll('PROGRAM', program);
}
