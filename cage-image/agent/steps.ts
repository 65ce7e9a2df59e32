/** How much of a task is left, and what the model is told of it. */
export interface Outlook {
  /** For the model; empty while there is enough. */
  readonly note: string;
  /** False on the last step, so that an answer comes. */
  readonly mayCall: boolean;
}

const TOLD_STEPS_BEFORE = 2;
/** The end is near when less than this is left, and less than a fifth of the whole. */
const TOLD_MS_BEFORE = 90_000;
const LAST_MS = 30_000;
const SHARE_TOLD = 0.2;
const SHARE_LAST = 0.1;

/** `step` counts from 1; `remainingMs` and `wholeMs` are infinite where no end is known. */
export function outlook(step: number, maxSteps: number, remainingMs: number, wholeMs: number): Outlook {
  const stepsLeft = maxSteps - step;
  if (stepsLeft <= 0 && maxSteps > 1) return LAST_STEP;
  if (stepsLeft <= 0) return { note: '', mayCall: false };
  if (remainingMs < Math.min(LAST_MS, wholeMs * SHARE_LAST)) return LAST_MOMENT;
  if (remainingMs < Math.min(TOLD_MS_BEFORE, wholeMs * SHARE_TOLD)) {
    return {
      note: `About ${Math.max(1, Math.round(remainingMs / 1000))} seconds are left for this task: come to an end and give the final answer.`,
      mayCall: true,
    };
  }
  if (stepsLeft < TOLD_STEPS_BEFORE && maxSteps > TOLD_STEPS_BEFORE) {
    return { note: 'One more step is left after this one: come to an end.', mayCall: true };
  }
  return { note: '', mayCall: true };
}

const LAST_STEP: Outlook = {
  note: 'This is the last step: no more tools. Give the final answer from what you know, and say what is missing.',
  mayCall: false,
};
const LAST_MOMENT: Outlook = {
  note: 'The time for this task is over: no more tools. Give the final answer from what you know, and say what is missing.',
  mayCall: false,
};
