import { documentSchema, type SchemaNode } from '#claw/document-schema.ts';

/** What a field means, by its path in a named schema. A Claw's fields are described where claw.yaml is. */
const NOTES: Readonly<Record<string, string>> = {
  'KeyCreate.name': 'Name to call it by.',
  'KeyCreate.secret': 'The key itself. It is never shown again.',
  'KeyCreate.baseUrl': 'Address of an OpenAI-compatible endpoint.',
  'KeyCreate.ca': "PEM of the endpoint's private certificate authority.",
  'KeyCreate.requestsPerMinute':
    'Cap on requests in any 60 s, of all Claws that use the key together; null is no cap.',
  'KeyCreate.tokensPerMinute':
    'Cap on tokens in any 60 s, of all Claws that use the key together; null is no cap.',
  'KeyCreate.verify': 'Ask the provider whether the key is good before it is kept.',
  'KeyRotate.secret': 'The new key.',
  'KeyRotate.verify': 'Ask the provider whether the key is good before it is kept.',
  'KeyChange.requestsPerMinute': 'Null is no cap, 0 closes the key.',
  'KeyChange.tokensPerMinute': 'Null is no cap, 0 closes the key.',
  'LimitsChange.requestsPerMinute':
    'Of all its Claws, in any 60 s; null is no cap, 0 closes the organisation.',
  'LimitsChange.tokensPerMinute':
    'Of all its Claws, in any 60 s, input and output; null is no cap, 0 closes the organisation.',
  'LimitsChange.maxCages':
    'Cages at once, warm spares with them; null: as many as the installation takes (`CLAWCAGE_MAX_CAGES`).',
  'Limits.maxCages': 'Cages at once, warm spares with them; null: as many as the installation takes.',
  'LimitLevel.requests': 'In the window now; `cap` and `remaining` are null where there is no cap.',
  'LimitLevel.tokens': 'As requests; calls under way count with what they reserved.',
  'LimitLevel.emptyInMs': 'When the last of what counts now has left, if nothing is added.',
  'LimitLevel.closedForMs': 'So long the provider wants no call of this key; null where it said nothing.',
  'LimitLevel.clawsWaiting': 'Claws whose next call waits for room or its turn at this level.',
  'ClawLimits.weight': 'Its share among Claws that meet at a shared cap.',
  'ClawLimits.calls': 'Under way now, and the most that there may be; null is no limit.',
  'ClawLimits.waiting': 'Calls that wait for a permit.',
  'ClawLimits.waitsFor':
    'Why the first of them waits, or a call would that came now: `<level> <limit>`; null where there is room.',
  'ClawLimits.freeInMs':
    'Until there is room for a call of one request and one token, at the latest; null where that is not known, or never.',
  'ExplainRequest.claw': 'Name of the Claw that would make the call.',
  'ExplainRequest.path': 'What an agent would call.',
  'ExplainRequest.body': 'The request as an agent would send it.',
  'Explained.modelKnownSince':
    'When the figures of this model were looked up; null where safe assumptions stand in.',
  'Explained.bound': 'What is reserved at first.',
  'Explained.tightened':
    'What is reserved where the first would have to wait; null where that is not possible, or no less.',
  'Explained.fits': 'Each cap with nothing else counted: whether such a call can ever be made.',
  'Explained.advice': 'What to change; empty where nothing has to be.',
  'Key.masked': 'Enough of it to be recognised.',
  'Key.version': 'Grows by one with each rotation.',
  'Key.verifiedAt': 'When the provider last accepted it; null where it was not asked.',
  'Key.warning': 'Set where the endpoint is http://: the gate then carries the key in the clear.',
  'KeyModels.askedAt': 'When the provider said so.',
  'TaskCreate.text': 'What is to be done.',
  'TaskCreate.files': 'Lie in /work/in of the cage.',
  'TaskCreate.images':
    'PNG, JPEG, WebP or GIF; shown to the model, and in /work/in. Locations in them are dropped.',
  'TaskCreate.answer': 'The form that the answer must have.',
  'TaskCreate.functions': 'Functions of yours that the model may call. You answer each call.',
  'TaskCreate.functionWaitMs': 'How long a call of a function waits for your answer.',
  'TaskCreate.timeoutMs': "Longest time of the task; the Claw's where it is left out.",
  'TaskCreate.priority': "Of a Claw's waiting tasks the highest goes first; of equal ones the oldest.",
  'TaskCreate.notBefore': 'Not begun before that time. This or `delayMs`.',
  'TaskCreate.delayMs': 'Not begun before that much later than now.',
  'TaskCreate.deadline': 'Ends as timed_out where it has not ended by then.',
  'TaskCreate.webhook': "Called when it ends; null calls nobody, left out the Claw's is called.",
  'TaskFile.name': 'A file name without a path.',
  'TaskFile.data': 'Base64.',
  'TaskImage.data': 'Base64, or a data URL.',
  'TaskFunction.parameters': 'JSON Schema of the arguments.',
  'BatchLine.ref': 'Your name for the task within its batch.',
  'FunctionResult.output': 'What the function gave back, as text or JSON.',
  'FunctionResult.ok': 'False: the model is told that the call failed, with `output` as the reason.',
  'FunctionCall.arguments': 'JSON, as the model wrote it.',
  'FunctionCall.deadline': 'The call waits for an answer until then.',
  'Task.claw': "The Claw's name.",
  'Task.waiting': 'Why it is not moving, where it is not: for example `concurrency` or `permit`.',
  'Task.epoch': 'Attempts that were begun.',
  'Task.batch': 'The batch that it came with.',
  'Task.ref': 'Your name for it within its batch.',
  'Task.error': 'Why it did not succeed.',
  'TaskResult.answer': 'Null where the task did not succeed.',
  'TaskResult.files': 'What lay in /work/out; fetched one by one.',
  'OutputFile.path': 'Relative to /work/out.',
  'Batch.states': 'Tasks by state; states without one are left out.',
  'Batch.done': 'All of them have ended.',
  'BatchResult.ref': 'Your name for the task.',
  'Delivery.id': 'Also the `webhook-id` of every attempt: where you have seen it, it is the same.',
  'Delivery.lastStatus': 'The HTTP status that came last; null where none came.',
  'Delivery.lastError': 'The code of why none came.',
  'Delivery.nextAt': 'When it is tried next.',
  'UsageRow.from': 'Null with `by=all`.',
  'UsageRow.group': 'The name (of a task its id) of what it is grouped by; null with `group=none`.',
  'UsageReport.total': 'Of all pages.',
  'Usage.cachedTokens': 'Part of the input.',
  'Usage.reasoningTokens': 'Part of the output.',
  'Error.error.code': 'For programs: it never changes its meaning.',
  'Error.error.message': 'For people: what happened and what to do.',
  'Error.error.details': 'Facts: fields, limits. Never content.',
  'Error.error.requestId': "Also in the header `x-request-id`, and in the service's log.",
  cage: 'False leaves out the proof of a cage, which takes a second.',
  limit: 'Items of a page.',
  cursor: '`nextCursor` of the page before.',
  nextCursor: 'Null on the last page.',
  since: 'A time, or as long ago as `90m`, `24h`, `7d` says.',
  until: 'Now where it is left out.',
  timeZone: 'A name of the IANA database, in which hours and days begin.',
  by: 'Length of a period; `all` is one.',
  group: 'What each period is divided by.',
  after: 'The last id that you saw.',
  batch: 'Id of a batch.',
};

/** What a Claw's fields are called in claw.yaml, where that differs from the API. */
const IN_DOCUMENT: Readonly<Record<string, string>> = {
  timeoutMs: 'timeout',
  idleMs: 'idle',
  waitingMs: 'waiting',
  startingMs: 'starting',
  cancelGraceMs: 'cancelGrace',
  backoffMs: 'backoff',
  maxBackoffMs: 'maxBackoff',
  memoryMiB: 'memory',
  workMiB: 'work',
  tmpMiB: 'tmp',
};
const CLAW_PARTS: Readonly<Record<string, readonly string[]>> = {
  ClawCreate: [],
  ClawChange: [],
  Claw: [],
  AgentSettings: ['agent'],
  RetryPolicy: ['retry'],
  CageResources: ['resources'],
  TaskTimeouts: ['timeouts'],
  UnboundedPolicy: ['unbounded'],
};

const UNITS: readonly (readonly [RegExp, string])[] = [
  [/Ms$/, 'In milliseconds.'],
  [/MiB$/, 'In MiB.'],
  [/^bytes$/, 'In bytes.'],
];

let document: SchemaNode | undefined;

/** `<schema>.<field>…`; undefined where its name says it all. */
export function noteOn(path: string): string | undefined {
  const [owner, ...fields] = path.split('.');
  const field = fields.at(-1) ?? '';
  const said = NOTES[path] ?? clawNote(owner!, fields) ?? NOTES[inBatch(path)] ?? NOTES[field];
  const unit = UNITS.find(([ending]) => ending.test(field))?.[1];
  return [said && sentence(said), unit].filter((part) => part !== undefined).join(' ') || undefined;
}

/** A line of a batch has the fields of a task. */
const inBatch = (path: string): string => path.replace(/^BatchLine\./, 'TaskCreate.');

function clawNote(owner: string, fields: readonly string[]): string | undefined {
  const base = CLAW_PARTS[owner];
  if (!base) return undefined;
  document ??= documentSchema();
  let node: SchemaNode | undefined = document;
  for (const field of [...base, ...fields]) node = below(node, IN_DOCUMENT[field] ?? field);
  return node?.description?.replace(/; a text, or .*$|; PEM, or .*$/, '');
}

const below = (node: SchemaNode | undefined, field: string): SchemaNode | undefined =>
  [node, ...(node?.anyOf ?? [])].map((one) => one?.properties?.[field]).find((one) => one !== undefined);

const sentence = (text: string): string =>
  `${text[0]!.toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? '' : '.'}`;
