import type Docker from 'dockerode';
import { CodedError } from '#errors/coded-error.ts';
import { type Engine, unless } from '../engine.ts';
import { engineReason, engineStatus, saysFull } from '../errors.ts';

const REFERENCE = /^[a-zA-Z0-9][\w.-]*(:\d{1,5})?(\/[\w.-]+)*(:[\w.-]{1,128})?(@sha256:[0-9a-f]{64})?$/;
const REGISTRY_ANSWERS_MS = 4_000;

/** A registry that does not answer, or not as it should; also in the words of the engine, which speaks to it. */
const REGISTRY_TROUBLE =
  /time-?out|timed out|deadline exceeded|temporary failure|server misbehaving|connection (refused|reset)|unexpected EOF|\bEOF$|unreachable|too ?many ?requests|TLS handshake|service unavailable|bad gateway|internal server error|status(:| code)? 5\d\d/i;

export const unusable = (image: string, reason: string, cause?: unknown): CodedError =>
  new CodedError('agent_image_unusable', { image, reason }, cause === undefined ? undefined : { cause });

/** Why an image could not be had from its registry, by what the engine said of it. */
export function notPulled(image: string, words: string, error: unknown): CodedError {
  const reason = engineReason(error);
  const details = { image, reason: `${words}: ${reason}` };
  if (saysFull(error)) return new CodedError('runtime_full', details, { cause: error });
  const trouble = REGISTRY_TROUBLE.test(reason) || engineStatus(error) === 429;
  return new CodedError(trouble ? 'agent_image_unavailable' : 'agent_image_unusable', details, {
    cause: error,
  });
}

/**
 * What the engine knows of an image, which it pulls first where it has none of that name and a registry does. `agent_image_unusable` where it cannot be had, `agent_image_unavailable` where only its registry cannot, `runtime_full`. Names go into
 * the paths of the engine's API as they are, so only what can be a reference passes.
 */
export async function findImage(
  engine: Engine,
  image: string,
  signal: AbortSignal | undefined,
): Promise<Docker.ImageInspectInfo> {
  if (!REFERENCE.test(image) || image.split('/').some((part) => /^\.+$/.test(part)))
    throw unusable(image, 'That is not a reference of an image, like registry.example/name:tag.');
  const here = await inspect(engine, image, signal);
  if (here) return here;
  await pull(engine, image, signal);
  const pulled = await inspect(engine, image, signal);
  if (pulled) return pulled;
  throw unusable(image, 'It was pulled, and the engine does not know it under that name.');
}

function inspect(
  engine: Engine,
  image: string,
  signal: AbortSignal | undefined,
): Promise<Docker.ImageInspectInfo | undefined> {
  return engine.ask('image', signal, (docker) => docker.getImage(image).inspect().catch(unless(404)));
}

async function pull(engine: Engine, image: string, signal: AbortSignal | undefined): Promise<void> {
  await requireRegistry(engine, image, signal);
  await engine.act('pull', signal, async (docker, abortSignal) => {
    try {
      const progress = await docker.pull(image, { abortSignal });
      await new Promise<void>((resolve, reject) =>
        docker.modem.followProgress(progress, (error: Error | null) => (error ? reject(error) : resolve())),
      );
    } catch (error) {
      // With a code of the system's it is our connection to the engine that failed, and no word of the registry's.
      if (abortSignal.aborted || (error as NodeJS.ErrnoException).code !== undefined) throw error;
      throw notPulled(image, 'It could not be pulled', error);
    }
  });
}

/** Asks the engine what the registry has, so that a closed network costs seconds and not the minutes of a pull's own tries. */
async function requireRegistry(
  engine: Engine,
  image: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const remedy = 'docker pull or docker build it on the engine of the service';
  const silent = AbortSignal.timeout(REGISTRY_ANSWERS_MS);
  await engine.ask('registry', signal, async (docker, abortSignal) => {
    try {
      await distribution(docker, image, AbortSignal.any([abortSignal, silent]));
    } catch (error) {
      if (silent.aborted && !abortSignal.aborted)
        throw new CodedError('agent_image_unavailable', {
          image,
          reason: `It is not on the engine, and its registry does not answer: ${remedy}.`,
        });
      if ((error as { statusCode?: number }).statusCode === undefined) throw error;
      throw notPulled(image, `It is not on the engine (${remedy}), and cannot be pulled`, error);
    }
  });
}

/** GET /distribution/{name}/json; the SDK's own method for it takes no signal. */
function distribution(docker: Docker, image: string, abortSignal: AbortSignal): Promise<unknown> {
  const question = {
    path: `/distribution/${image}/json`,
    method: 'GET',
    statusCodes: { 200: true },
    abortSignal,
  };
  return new Promise((resolve, reject) => {
    docker.modem.dial(question as never, (error: unknown, found: unknown) =>
      error ? reject(error as Error) : resolve(found),
    );
  });
}
