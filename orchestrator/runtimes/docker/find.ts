import type Docker from 'dockerode';
import { CodedError } from '#errors/coded-error.ts';
import type { Engine } from './engine.ts';
import { engineReason, engineStatus } from './errors.ts';
import { cageName, LABEL_CAGE, LABEL_INSTALL } from './spec.ts';

/** A container by name: `own` says whether the labels make it this cage of this installation. */
export interface Found {
  readonly own: boolean;
  readonly inspection: Docker.ContainerInspectInfo;
}

export async function findCage(
  engine: Engine,
  install: string,
  cageId: string,
  signal?: AbortSignal,
): Promise<Found | undefined> {
  const inspection = await inspectByName(engine, cageName(install, cageId), signal);
  if (!inspection) return undefined;
  // The name alone proves nothing: "a-b" and "c" make the same name as "a" and "b-c", and anybody may give a container any name.
  const { [LABEL_INSTALL]: ofInstall, [LABEL_CAGE]: ofCage } = inspection.Config.Labels ?? {};
  return { own: ofInstall === install && ofCage === cageId, inspection };
}

export function inspectByName(
  engine: Engine,
  name: string,
  signal?: AbortSignal,
): Promise<Docker.ContainerInspectInfo | undefined> {
  return engine.ask('inspect', signal, async (docker, abortSignal) => {
    try {
      const found = await docker.getContainer(name).inspect({ abortSignal });
      // The SDK passes on as bytes what is no JSON.
      if (typeof found?.Id === 'string' && typeof found.State === 'object') return found;
      throw new CodedError('runtime_answer_invalid', { what: 'inspect' });
    } catch (error) {
      if (isNoSuchContainer(error)) return undefined;
      throw error;
    }
  });
}

/** The engine's own word that there is none: a 404 alone may come from whatever else answers at its address, and what follows from it cannot be taken back. */
export const isNoSuchContainer = (error: unknown): boolean =>
  engineStatus(error) === 404 && /no such container/i.test(engineReason(error));
