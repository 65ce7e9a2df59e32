import type { Duplex } from 'node:stream';
import type Docker from 'dockerode';

/** The SDK's raw call, which its types leave half open. */
interface Modem {
  dial(options: object, callback: (error: unknown, stream: Duplex | null) => void): void;
}

/**
 * A stream into the stdin of a container that is not started yet; nothing comes back on it. The SDK's `attach` sends its
 * options as a request body, of which a slow engine may take the rest for stdin; this request has no body at all.
 */
export function attachStdin(docker: Docker, id: string, abortSignal: AbortSignal): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    (docker.modem as Modem).dial(
      {
        path: `/containers/${id}/attach?`,
        method: 'POST',
        options: { _query: { stream: 1, stdin: 1 } },
        file: Buffer.alloc(0),
        hijack: true,
        isStream: true,
        abortSignal,
        statusCodes: { 101: true },
      },
      (error, stream) => (stream ? resolve(stream) : reject(error)),
    );
  });
}

/** Writes `bytes`, closes stdin, and returns when the engine has passed all on and let go of the stream. */
export function deliver(stream: Duplex, bytes: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.once('error', reject);
    stream.once('end', resolve);
    stream.once('close', resolve);
    stream.resume();
    stream.end(bytes);
  });
}
