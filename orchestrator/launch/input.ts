import { z } from 'zod';
import type { Vault } from '#vault/vault.ts';
import { CodedError } from '#errors/coded-error.ts';
import { answerForm, taskFunction } from '#protocol/api.ts';
import type { TaskInputMessage } from '#protocol/link-messages.ts';
import { readDocument } from '#protocol/read-document.ts';
import type { TaskRow, TasksStore } from '../store/tasks-store.ts';
import type { LiveCage } from './live-cage.ts';

/** What waits, sealed, with a queued task; `data` is base64. */
const input = z.strictObject({
  text: z.string(),
  files: z.array(z.strictObject({ name: z.string(), data: z.string() })),
  images: z
    .array(z.strictObject({ name: z.string(), type: z.string(), detail: z.string(), data: z.string() }))
    .default([]),
  answer: answerForm.default({ type: 'text' }),
  functions: z.array(taskFunction).default([]),
  functionWaitMs: z.number().default(300_000),
});
export type TaskInput = z.infer<typeof input>;

/** Base64 of 192 KiB: a frame of the link holds 1 MiB at most. */
const PIECE_CHARACTERS = 256 * 1024;

export async function sealInput(
  vault: Vault,
  organisation: string,
  task: string,
  content: TaskInput,
): Promise<Buffer> {
  return vault.sealContent({ organisation, task, kind: 'input' }, Buffer.from(JSON.stringify(content)));
}

/** Throws `vault_shredded` where its time was over; `release_newer`. */
export async function openInput(
  vault: Vault,
  tasks: TasksStore,
  { organisation, id }: TaskRow,
): Promise<TaskInput> {
  const record = await tasks.sealedInput(organisation, id);
  if (!record) throw new CodedError('vault_shredded');
  using bytes = await vault.openContent({ organisation, task: id, kind: 'input' }, record);
  return readDocument(input, JSON.parse(bytes.expose().toString('utf8')), { task: id });
}

/** What the agent is told of it; files and images go before it, piece by piece. */
export function taskInputOf({ files, images, ...input }: TaskInput): TaskInputMessage {
  return {
    ...input,
    files: files.map(({ name }) => name),
    images: images.map(({ name, type, detail }) => ({ name, type, detail })),
  };
}

export function sendFiles(
  cage: LiveCage,
  files: readonly { readonly name: string; readonly data: string }[],
): void {
  for (const { name, data } of files) {
    let at = 0;
    do {
      const piece = data.slice(at, at + PIECE_CHARACTERS);
      at += PIECE_CHARACTERS;
      cage.send({ type: 'file', name, data: piece, last: at >= data.length });
    } while (at < data.length);
  }
}
