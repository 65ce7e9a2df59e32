import { expect, test, vi } from 'vitest';
import Docker from 'dockerode';
import { complete, engineOptions } from '../../../orchestrator/runtimes/docker/engine-address.ts';

test.each([
  [undefined, { socketPath: '/var/run/docker.sock', host: undefined }],
  ['', { socketPath: '/var/run/docker.sock' }],
  ['unix:///run/user/1000/docker.sock', { socketPath: '/run/user/1000/docker.sock' }],
  ['tcp://127.0.0.1:2375', { host: '127.0.0.1', port: '2375', protocol: 'http', socketPath: undefined }],
  ['127.0.0.1:2375', { host: '127.0.0.1', port: '2375', protocol: 'http' }],
  ['tcp://engine:2376', { host: 'engine', port: '2376', protocol: 'https' }],
  ['https://engine', { host: 'engine', port: 2376, protocol: 'https' }],
])('DOCKER_HOST %j is understood', (dockerHost, options) => {
  expect(engineOptions({ dockerHost })).toMatchObject(options);
});

test.each(['ssh://somebody@engine', 'tcp://', 'ftp://engine', 'tcp://a:b:c'])(
  'DOCKER_HOST %j is refused with the forms that are taken',
  (dockerHost) => {
    expect(() => engineOptions({ dockerHost })).toThrowError(
      expect.objectContaining({
        code: 'config_invalid',
        details: expect.objectContaining({ field: 'DOCKER_HOST' }),
      }),
    );
  },
);

test('certificates that are not there are named', () => {
  expect(() => engineOptions({ dockerHost: 'tcp://engine:2376', certPath: '/nowhere' })).toThrowError(
    expect.objectContaining({
      details: { field: 'DOCKER_CERT_PATH', reason: 'cannot read /nowhere/ca.pem' },
    }),
  );
});

test('the environment does not reach the SDK past the options', () => {
  vi.stubEnv('DOCKER_HOST', 'tcp://elsewhere:1234');
  try {
    const { modem } = new Docker(complete({ socketPath: '/run/mine.sock' })) as unknown as {
      modem: Record<string, unknown>;
    };
    expect(modem).toMatchObject({
      socketPath: '/run/mine.sock',
      host: undefined,
      port: undefined,
      protocol: 'http',
    });
  } finally {
    vi.unstubAllEnvs();
  }
});
