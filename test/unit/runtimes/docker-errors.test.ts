import { describe, expect, it, test } from 'vitest';
import { CodedError } from '#errors/coded-error.ts';
import { mayHaveHappened, toRuntimeError } from '../../../orchestrator/runtimes/docker/errors.ts';
import { isNoSuchContainer } from '../../../orchestrator/runtimes/docker/find.ts';
import { notPulled } from '../../../orchestrator/runtimes/docker/overlay/foreign-image.ts';

const answered = (statusCode: number, message: string): Error =>
  Object.assign(new Error(`(HTTP code ${statusCode}) - ${message}`), { statusCode, json: { message } });
const broken = (code: string, more: object = {}): Error => Object.assign(new Error(code), { code, ...more });
const connecting = { syscall: 'connect' };

/** What the engine, or the way to it, may answer; in the engine's own words. */
const ANSWERS: [what: string, error: unknown, code: string, verdict: string][] = [
  ['nobody listens', broken('ECONNREFUSED', connecting), 'runtime_unavailable', 'retryable'],
  ['no socket is there', broken('ENOENT', connecting), 'runtime_unavailable', 'retryable'],
  ['the socket is not for us', broken('EACCES', connecting), 'runtime_unavailable', 'retryable'],
  ['no such host', broken('ENOTFOUND', { syscall: 'getaddrinfo' }), 'runtime_unavailable', 'retryable'],
  ['too many are in line', broken('EAGAIN', connecting), 'runtime_unavailable', 'retryable'],
  ['our own files are used up', broken('EMFILE', connecting), 'runtime_unavailable', 'retryable'],
  ['reset before it was asked', broken('ECONNRESET', connecting), 'runtime_unavailable', 'retryable'],
  ['no connection in time', broken('ETIMEDOUT', connecting), 'runtime_unavailable', 'retryable'],
  [
    'a certificate that is not trusted',
    broken('DEPTH_ZERO_SELF_SIGNED_CERT'),
    'runtime_unavailable',
    'retryable',
  ],
  ['it speaks no TLS', broken('EPROTO'), 'runtime_unavailable', 'retryable'],
  ['reset after it was asked', broken('ECONNRESET', { syscall: 'read' }), 'runtime_lost', 'unknown'],
  ['hung up', broken('ECONNRESET'), 'runtime_lost', 'unknown'],
  ['gone while it was asked', broken('EPIPE', { syscall: 'write' }), 'runtime_lost', 'unknown'],
  ['silent on an open connection', broken('ETIMEDOUT', { syscall: 'read' }), 'runtime_lost', 'unknown'],
  ['ended in the middle', broken('ERR_STREAM_PREMATURE_CLOSE'), 'runtime_lost', 'unknown'],
  ['no HTTP', broken('HPE_INVALID_CONSTANT'), 'runtime_answer_invalid', 'unknown'],
  ['no JSON', new SyntaxError('Unexpected token'), 'runtime_answer_invalid', 'unknown'],
  ['a redirect', answered(307, 'Temporary Redirect'), 'runtime_answer_invalid', 'unknown'],
  ['a proxy that lost it', answered(502, 'bad gateway'), 'runtime_lost', 'unknown'],
  ['a proxy that waited in vain', answered(504, 'gateway timeout'), 'runtime_lost', 'unknown'],
  ['it starts or stops', answered(503, 'starting'), 'runtime_unavailable', 'retryable'],
  ['no image', answered(404, 'No such image: cage:1'), 'image_missing', 'final'],
  ['no container', answered(404, 'No such container: x'), 'cage_not_found', 'final'],
  ['another 404', answered(404, 'page not found'), 'runtime_refused', 'final'],
  ['a limit too low', answered(400, 'Minimum memory limit allowed is 6MB'), 'runtime_refused', 'final'],
  ['not allowed', answered(403, 'authorization denied by plugin'), 'runtime_refused', 'final'],
  ['cannot do that', answered(501, 'not implemented'), 'runtime_refused', 'final'],
  [
    'a name conflict',
    answered(409, 'Conflict. The container name "/x" is already in use'),
    'runtime_refused',
    'final',
  ],
  [
    'is being removed',
    answered(409, 'removal of container x is already in progress'),
    'runtime_busy',
    'retryable',
  ],
  [
    'is marked for removal',
    answered(409, 'container is marked for removal and cannot be started'),
    'runtime_busy',
    'retryable',
  ],
  ['asked too often', answered(429, 'toomanyrequests'), 'runtime_busy', 'retryable'],
  [
    'no space to create',
    answered(500, 'error creating overlay mount: mkdir: no space left on device'),
    'runtime_full',
    'retryable',
  ],
  ['no quota left', answered(500, 'write /x: disk quota exceeded'), 'runtime_full', 'retryable'],
  [
    'a port is taken',
    answered(500, 'driver failed programming: Bind for 127.0.0.1:80 failed: port is already allocated'),
    'runtime_failed',
    'unknown',
  ],
  [
    'killed for memory at its start',
    answered(500, 'container init was OOM-killed (memory limit too low?)'),
    'runtime_failed',
    'unknown',
  ],
  ['broke on the way', answered(500, 'containerd: context deadline exceeded'), 'runtime_failed', 'unknown'],
  ['given up', Object.assign(new Error('aborted'), { name: 'AbortError' }), 'runtime_aborted', 'unknown'],
  ['a mistake of ours', new Error('x is not a function'), 'internal', 'unknown'],
  ['nothing at all', undefined, 'internal', 'unknown'],
];

describe('an answer of the engine', () => {
  test.each(ANSWERS)('%s', (_what, error, code, verdict) => {
    const coded = toRuntimeError(error, {});
    expect([coded.code, coded.verdict]).toEqual([code, verdict]);
  });

  it('that is coded already stays as it is', () => {
    const coded = new CodedError('cage_foreign');
    expect(toRuntimeError(coded, { what: 'inspect' })).toBe(coded);
  });

  it('takes its own words and what was asked along', () => {
    const refused = toRuntimeError(answered(400, 'Minimum memory limit allowed is 6MB'), {
      what: 'create',
      cageId: 'c1',
    });
    expect(refused.details).toEqual({
      what: 'create',
      cageId: 'c1',
      status: 400,
      reason: 'Minimum memory limit allowed is 6MB',
    });
  });

  it('is looked up exactly where it may have been done, but not where the caller gave up', () => {
    const looked = ANSWERS.filter(([, error]) => mayHaveHappened(toRuntimeError(error, {})));
    const unknown = ANSWERS.filter(
      ([, , code, verdict]) => verdict === 'unknown' && code !== 'runtime_aborted',
    );
    expect(looked).toEqual(unknown);
  });

  it('says that a container is gone in its own words only: what another server does not know may well be there', () => {
    expect(isNoSuchContainer(answered(404, 'No such container: x'))).toBe(true);
    expect(isNoSuchContainer(answered(404, 'page not found'))).toBe(false);
    expect(isNoSuchContainer(answered(410, 'No such container: x'))).toBe(false);
    const framed = new Error('(HTTP code 404) no such container - page not found ');
    expect(isNoSuchContainer(Object.assign(framed, { statusCode: 404, json: Buffer.from('') }))).toBe(false);
  });
});

describe('an image that cannot be pulled', () => {
  test.each([
    ['manifest unknown: manifest unknown', 'agent_image_unusable', 'final'],
    ['pull access denied for x, repository does not exist', 'agent_image_unusable', 'final'],
    [
      'Get "https://x/v2/": dial tcp: lookup x on 10.0.0.53:53: no such host',
      'agent_image_unusable',
      'final',
    ],
    ['Get "https://x/v2/": net/http: TLS handshake timeout', 'agent_image_unavailable', 'retryable'],
    [
      'Get "https://x/v2/": dial tcp 10.0.0.1:443: connect: connection refused',
      'agent_image_unavailable',
      'retryable',
    ],
    [
      'read tcp 10.0.0.2:1->10.0.0.1:443: read: connection reset by peer',
      'agent_image_unavailable',
      'retryable',
    ],
    ['toomanyrequests: You have reached your pull rate limit', 'agent_image_unavailable', 'retryable'],
    ['received unexpected HTTP status: 503 Service Unavailable', 'agent_image_unavailable', 'retryable'],
    ['unexpected EOF', 'agent_image_unavailable', 'retryable'],
    ['write /var/lib/docker/tmp/x: no space left on device', 'runtime_full', 'retryable'],
  ])('%s', (words, code, verdict) => {
    expect(notPulled('x:1', 'It could not be pulled', new Error(words))).toMatchObject({ code, verdict });
  });
});
