import type Docker from 'dockerode';
import type { CageInfo } from '#runtime/runtime.ts';
import { LABEL_CAGE } from './spec.ts';

const STATES: Readonly<Record<string, CageInfo['state']>> = {
  created: 'created',
  running: 'running',
  restarting: 'running',
  paused: 'running',
  // On their way out, or half removed by an engine that was interrupted: nothing runs in them any more.
  removing: 'exited',
  exited: 'exited',
  dead: 'exited',
};

export function fromInspection(found: Docker.ContainerInspectInfo): CageInfo {
  const state = STATES[found.State.Status] ?? 'exited';
  return {
    cageId: found.Config.Labels[LABEL_CAGE] ?? '',
    state,
    ...(state === 'exited' ? { exitCode: found.State.ExitCode } : {}),
    createdAtMs: Date.parse(found.Created),
  };
}

/** From the engine's list, whose times have whole seconds and whose exit code stands in a sentence: `Exited (137) 3 hours ago`. */
export function fromListing(found: Docker.ContainerInfo): CageInfo {
  const state = STATES[found.State] ?? 'exited';
  const exitCode = /^Exited \((\d+)\)/.exec(found.Status)?.[1];
  return {
    cageId: found.Labels[LABEL_CAGE] ?? '',
    state,
    ...(state === 'exited' && exitCode !== undefined ? { exitCode: Number(exitCode) } : {}),
    createdAtMs: found.Created * 1000,
  };
}
