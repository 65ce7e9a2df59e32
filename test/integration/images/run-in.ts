import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { engine } from '../../../ops/images/engine.ts';

export interface Ran {
  readonly code: number;
  readonly output: string;
}

/** Runs a shell script in a fresh container of an image, without a network; the container is gone afterwards. */
export async function runIn(
  image: string,
  script: string,
  options: { user?: string; env?: string[] } = {},
): Promise<Ran> {
  const both = new PassThrough();
  const output = text(both);
  const [result, container] = (await engine.run(
    image,
    ['-c', script],
    [both, both] as unknown as NodeJS.WritableStream,
    {
      Entrypoint: ['/bin/sh'],
      Tty: false,
      Env: options.env ?? [],
      ...(options.user !== undefined && { User: options.user }),
      HostConfig: { NetworkMode: 'none', LogConfig: { Type: 'none', Config: {} } },
    },
  )) as [{ StatusCode: number }, { remove(): Promise<unknown> }];
  // Ends with the stream of the container, which may come after the news of its exit.
  const said = await output;
  await container.remove();
  return { code: result.StatusCode, output: said };
}
