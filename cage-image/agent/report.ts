import { writeSync } from 'node:fs';
import type { ErrorCode } from '#errors/table.ts';
import type { Activity } from './busy.ts';
import type { AgentEvent } from '#protocol/link-messages.ts';

/** What an agent tells the warden: events, calls of the caller's functions, and at the end one `answer` or one `error`. */
export type AgentReport =
  | AgentEvent
  | {
      readonly kind: 'function_call';
      readonly id: string;
      readonly name: string;
      readonly arguments: string;
    }
  /** The answer to a ping. */
  | { readonly kind: 'pong'; readonly busy: readonly Activity[] }
  | { readonly kind: 'answer'; readonly text: string }
  | {
      readonly kind: 'error';
      readonly error: {
        readonly code: ErrorCode;
        readonly details?: Record<string, string | number | boolean>;
      };
    };

export type Report = (report: AgentReport) => void;

const WARDEN_DESCRIPTOR = 3;
const RETRY_MS = 5;

/** Writes each report as one line of JSON to descriptor 3, whole, in order, before it returns: nothing said is lost when the process ends. */
export function reportToWarden(): Report {
  return (report) => {
    const line = Buffer.from(`${JSON.stringify(report)}\n`, 'utf8');
    for (let written = 0; written < line.length;) written += writeSome(line.subarray(written));
  };
}

function writeSome(bytes: Buffer): number {
  try {
    return writeSync(WARDEN_DESCRIPTOR, bytes);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
    // The warden is behind: wait for it rather than drop what the task's watchers should see.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, RETRY_MS);
    return 0;
  }
}
