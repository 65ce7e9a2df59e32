import type { z } from 'zod';
import { ERRORS, type ErrorCode } from '#errors/table.ts';
import type {
  FunctionCall,
  FunctionResult,
  taskCreate,
  TaskReply,
  TaskView,
  UsageView,
} from '#protocol/api.ts';
import type { TaskEvent } from '#protocol/live.ts';

export const NOW = '2026-01-02T03:04:05.000Z';
export const IN_A_WHILE = '2100-01-01T00:00:00.000Z';
export const NOTHING_USED: UsageView = {
  requests: 0,
  inputTokens: 0,
  cachedTokens: 0,
  outputTokens: 0,
  reasoningTokens: 0,
  totalTokens: 0,
};
export const SOME_USED: UsageView = {
  requests: 2,
  inputTokens: 100,
  cachedTokens: 0,
  outputTokens: 23,
  reasoningTokens: 0,
  totalTokens: 123,
};

export type TaskBody = Pick<z.output<typeof taskCreate>, 'text' | 'files'> &
  Partial<z.output<typeof taskCreate>>;

export interface FakeTask {
  reply: TaskReply;
  answer: string | null;
  readonly body: TaskBody;
  readonly events: TaskEvent[];
  readonly files: Map<string, string>;
  readonly calls: FunctionCall[];
}

/** What a test makes of a task that was created: by default it succeeds with its own text as the answer. */
export type Script = (task: ScriptedTask) => void | Promise<void>;

export interface ScriptedTask {
  readonly id: string;
  readonly text: string;
  readonly body: TaskBody;
  /** Leaves a file in /work/out. */
  leave(path: string, content: string): void;
  /** Calls a function of the caller's; its result comes from whoever answers. */
  call(name: string, args: string): Promise<FunctionResult>;
  emit(event: TaskEvent): void;
  state(state: TaskView['state'], waiting?: string): void;
  end(state: TaskView['state'], outcome?: { answer?: string; error?: ErrorCode }): void;
}

export const CAPS = { requests: { used: 2, limit: 30 }, tokens: { used: 123, limit: 60_000 } };

/** The table's message of a code, as tests compare it. */
export const messageOf = (code: ErrorCode): string => ERRORS[code].message;

export const filesOf = (task: FakeTask | undefined): { path: string; bytes: number }[] =>
  [...(task?.files ?? [])].map(([path, content]) => ({ path, bytes: Buffer.byteLength(content) }));
