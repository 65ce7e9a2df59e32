import type { Duplex } from 'node:stream';
import { finished } from 'node:stream/promises';
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

/**
 * Writes `bytes`, closes stdin, and returns when the engine's end of the connection holds them all. Whether the engine closes
 * its side then is no sign of anything: for a container with `StdinOnce` it does so at once or only when the container ends.
 */
export async function deliver(stream: Duplex, bytes: Uint8Array): Promise<void> {
  stream.end(bytes);
  await finished(stream, { readable: false });
}
