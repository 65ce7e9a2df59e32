const LATER = 'It spends tokens after its answer, which no cap would see.';
const NEVER = 'Administration and the making of credentials never pass.';

/** Why a call does not pass and what to use in its place; the first match counts. */
const REASONS: readonly (readonly [RegExp, string])[] = [
  [/^(?!\/v1\/)/, 'The base URL ends in /v1: use it as OPENAI_BASE_URL gives it.'],
  [
    /^\/v1\/responses\//,
    'Responses are not stored at the provider: keep the answer of POST /v1/responses, and close the connection to cancel one.',
  ],
  [
    /^\/v1\/chat\/completions\//,
    'Chat completions are not stored at the provider: keep the answer of POST /v1/chat/completions.',
  ],
  [/^\/v1\/(organization|projects|admin)(\/|$)/, NEVER],
  [
    /^\/v1\/realtime(\/|$)/,
    `${NEVER} Use POST /v1/audio/transcriptions, POST /v1/responses and POST /v1/audio/speech.`,
  ],
  [/^\/v1\/batches/, `${LATER} Make the calls one by one, or send a batch of tasks: clawcage batch.`],
  [/^\/v1\/(fine_tuning|fine-tunes)/, `${LATER} Train with the provider, and name the model in the Claw.`],
  [/^\/v1\/(evals|graders)/, `${LATER} Make the calls one by one and judge their answers in the cage.`],
  [
    /^\/v1\/(assistants|threads|conversations|prompts)/,
    'The provider would keep the history, whose length is not known here: send it along with POST /v1/responses.',
  ],
  [
    /^\/v1\/vector_stores/,
    'The provider would keep the content and search it at a cost of its own: use POST /v1/embeddings and search in the cage.',
  ],
  [/^\/v1\/(containers|skills)/, 'Code runs in the cage: use its shell and /work.'],
  [/^\/v1\/uploads/, 'Use POST /v1/files, up to 20 MiB.'],
  [/^\/v1\/videos/, 'It spends after its answer, by the second of video. Use POST /v1/images/generations.'],
  [/^\/v1\/images\/variations/, 'Use POST /v1/images/edits.'],
  [/^\/v1\/audio\//, 'Use POST /v1/audio/speech, /v1/audio/transcriptions or /v1/audio/translations.'],
  [/^\/v1\/files/, 'Of files only their upload, list, retrieval, content and deletion pass.'],
  [/^\/v1\/(completions|engines|edits)/, 'Use POST /v1/chat/completions or POST /v1/responses.'],
];

const PASSES =
  'What passes: POST /v1/chat/completions, /v1/responses, /v1/responses/input_tokens, /v1/embeddings, /v1/images/generations, /v1/images/edits, ' +
  '/v1/audio/speech, /v1/audio/transcriptions, /v1/audio/translations, /v1/moderations, /v1/files; GET /v1/models; GET and DELETE of own files.';

/** A sentence for the agent's author. */
export function insteadOf(path: string): string {
  return REASONS.find(([form]) => form.test(path))?.[1] ?? PASSES;
}
