import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type Docker from 'dockerode';
import { CodedError } from '#errors/coded-error.ts';

export interface EngineSettings {
  /** As in DOCKER_HOST: `unix:///path`, `tcp://host:port`, `http(s)://host:port`; undefined means the usual socket. */
  readonly dockerHost?: string | undefined;
  /** As in DOCKER_CERT_PATH: the folder of ca.pem, cert.pem, key.pem; used where `tlsVerify` is set or the port is 2376. */
  readonly certPath?: string | undefined;
  readonly tlsVerify?: boolean | undefined;
}

const USUAL_SOCKET = '/var/run/docker.sock';

/**
 * The SDK's options for an engine's address. All that the SDK would otherwise take from the environment is given, so that
 * only the service's configuration counts. Errors: `config_invalid` for a form that cannot be used (ssh:// among them).
 */
export function engineOptions(settings: EngineSettings): Docker.DockerOptions {
  const address = settings.dockerHost || `unix://${USUAL_SOCKET}`;
  if (address.startsWith('unix://')) {
    return complete({ socketPath: address.slice('unix://'.length) || USUAL_SOCKET });
  }
  const url = parse(address.includes('//') ? address : `tcp://${address}`);
  const tls = url.protocol === 'https:' || settings.tlsVerify === true || url.port === '2376';
  return complete({
    host: url.hostname,
    port: url.port || (tls ? 2376 : 2375),
    protocol: tls ? 'https' : 'http',
    ...(tls && settings.certPath ? readCertificates(settings.certPath) : {}),
  });
}

/** `options` with every address field set, so that the SDK's own reading of DOCKER_* fills none of them. */
export function complete(options: Docker.DockerOptions): Docker.DockerOptions {
  const none = { host: undefined, port: undefined, ca: undefined, cert: undefined, key: undefined };
  const socketPath = options.host ? undefined : USUAL_SOCKET;
  return { ...none, socketPath, protocol: 'http', ...options, pathPrefix: '/' } as Docker.DockerOptions;
}

const LOOPBACK = /^(localhost|127(\.\d+){3}|\[?::1\]?)$/;

/** An engine behind a socket or a loopback address is taken to be on this machine; a tunnel to another one looks the same. */
export function isOnThisMachine({ host }: Docker.DockerOptions = {}): boolean {
  return !host || LOOPBACK.test(host);
}

function parse(address: string): URL {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (!url || !['tcp:', 'http:', 'https:'].includes(url.protocol) || !url.hostname) {
    throw new CodedError('config_invalid', {
      field: 'DOCKER_HOST',
      reason: 'takes unix:///path, tcp://host:port, http://host:port or https://host:port',
    });
  }
  return url;
}

function readCertificates(folder: string): Pick<Docker.DockerOptions, 'ca' | 'cert' | 'key'> {
  const [ca, cert, key] = ['ca.pem', 'cert.pem', 'key.pem'].map((name) => readPem(join(folder, name)));
  return { ca, cert, key };
}

function readPem(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new CodedError(
      'config_invalid',
      { field: 'DOCKER_CERT_PATH', reason: `cannot read ${path}` },
      { cause },
    );
  }
}
