import type { TaskView } from '#protocol/api.ts';
import type { TaskRow } from '../store/tasks-store.ts';

/** A task as the API shows it; `claw` is the Claw's name. */
export function taskView(task: TaskRow, claw: string): TaskView {
  return {
    id: task.id,
    claw,
    state: task.state,
    waiting: task.waiting,
    epoch: task.epoch,
    priority: task.priority,
    notBefore: task.notBefore?.toISOString() ?? null,
    deadline: task.deadline?.toISOString() ?? null,
    batch: task.batch,
    ref: task.ref,
    ...(task.error && { error: task.error }),
    createdAt: task.createdAt.toISOString(),
    startedAt: task.startedAt?.toISOString() ?? null,
    endedAt: task.endedAt?.toISOString() ?? null,
  };
}
