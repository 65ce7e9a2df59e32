import type { CageCondition, CageInfo, CageSpec } from '#runtime/runtime.ts';
import { checkedName } from '../names.ts';

/** A container of the fake engine; without `install` it is somebody else's. */
export interface FakeContainer {
  readonly name: string;
  readonly install: string | undefined;
  readonly spec: CageSpec;
  readonly createdAtMs: number;
  state: CageInfo['state'];
  exitCode?: number;
  /** What `diagnose` finds while it runs; tests set it. */
  condition: Exclude<CageCondition, 'gone'>;
  /** Aborted when the container is removed or ended from outside. */
  readonly stop: AbortController;
  /** Resolves when it is no longer in the making: it was started, or removed. Never, for what a crash left unstarted. */
  readonly settled: PromiseWithResolvers<void>;
  readonly leftover: boolean;
}

export const fakeName = (install: string, cageId: string): string =>
  `fake-${checkedName('install', install)}-${checkedName('cageId', cageId)}`;

export function fakeContainer(
  spec: CageSpec,
  install: string,
  nowMs: number,
  leftover = false,
): FakeContainer {
  return {
    name: fakeName(install, spec.cageId),
    install,
    spec,
    createdAtMs: nowMs,
    state: 'created',
    condition: 'running',
    stop: new AbortController(),
    settled: Promise.withResolvers<void>(),
    leftover,
  };
}

export function cageInfo({ spec, state, exitCode, createdAtMs }: FakeContainer): CageInfo {
  return { cageId: spec.cageId, state, createdAtMs, ...(exitCode === undefined ? {} : { exitCode }) };
}
