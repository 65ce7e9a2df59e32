import type { TaskView } from '#protocol/api.ts';

/** Fixed: other people's scripts hold on to them. */
export const EXIT = {
  done: 0,
  taskFailed: 1,
  usage: 2,
  notSetUp: 3,
  unreachable: 4,
  refused: 5,
  timedOut: 6,
  cancelled: 130,
} as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** Codes whose HTTP status would say something else than what a caller of the command has to do. */
const BY_CODE: Readonly<Record<string, ExitCode>> = {
  image_missing: EXIT.notSetUp,
  config_invalid: EXIT.usage,
  runtime_unavailable: EXIT.notSetUp,
  request_too_large: EXIT.usage,
  key_unverified: EXIT.refused,
  model_unknown: EXIT.refused,
  store_locked: EXIT.refused,
  store_corrupt: EXIT.refused,
  home_damaged: EXIT.refused,
  port_in_use: EXIT.refused,
  reply_invalid: EXIT.unreachable,
  task_timed_out: EXIT.timedOut,
  task_cancelled: EXIT.cancelled,
};

export function exitCodeOfError(code: string, status: number): ExitCode {
  const known = BY_CODE[code];
  if (known !== undefined) return known;
  if (status === 400) return EXIT.usage;
  if (status >= 400 && status < 500) return EXIT.refused;
  return status === 503 ? EXIT.unreachable : EXIT.taskFailed;
}

/** The exit code of a command that waited for a task. A task that has not ended is no failure of the command. */
export function exitCodeOfState(state: TaskView['state']): ExitCode {
  if (state === 'failed') return EXIT.taskFailed;
  if (state === 'timed_out') return EXIT.timedOut;
  return state === 'cancelled' ? EXIT.cancelled : EXIT.done;
}
