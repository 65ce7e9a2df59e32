import { CodedError } from '#errors/coded-error.ts';
import { type Engine, unless } from './engine.ts';

/** The id of the image that `image` names on this engine; `image_missing` where there is none. */
export async function requireImage(engine: Engine, image: string, signal?: AbortSignal): Promise<string> {
  const found = await engine.ask('image', signal, (docker) =>
    docker.getImage(image).inspect().catch(unless(404)),
  );
  if (!found) throw new CodedError('image_missing', { image });
  return found.Id;
}
