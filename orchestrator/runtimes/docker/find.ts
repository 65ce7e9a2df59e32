import type Docker from 'dockerode';
import { type Engine, unless } from './engine.ts';
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
  return engine.ask('inspect', signal, (docker, abortSignal) =>
    docker.getContainer(name).inspect({ abortSignal }).catch(unless(404)),
  );
}
