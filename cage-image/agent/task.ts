import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod/mini';
import { clawInput, taskInput } from '#protocol/link-messages.ts';
import type { GivenImage, Entry } from './conversation.ts';

/** The task as the warden gives it to an agent, JSON on stdin. Files and images lie in `/work/in`. */
export const agentTask = z.object({
  task: taskInput,
  claw: clawInput,
  /** How much time there is, from the agent's start on; absent: no end is known. */
  deadlineMs: z.optional(z.number()),
});
export type AgentTask = z.infer<typeof agentTask>;

/**
 * The conversation that the task begins with. `answerRule` says which form the answer has to have; empty for text. Images are read into
 * memory, since the model gets them as data URLs.
 */
export async function openingEntries(task: AgentTask, work: string, answerRule: string): Promise<Entry[]> {
  const system = [task.claw.instructions.trim(), surroundings(task), answerRule];
  const given = [paths('Files given', task.task.files, work), paths('Images given', imageNames(task), work)];
  return [
    { role: 'system', text: system.filter((part) => part !== '').join('\n\n') },
    {
      role: 'user',
      text: [task.task.text, given.filter((part) => part !== '').join('\n')]
        .filter((part) => part !== '')
        .join('\n\n'),
      images: await Promise.all(task.task.images.map((image) => readImage(image, join(work, 'in')))),
    },
  ];
}

function surroundings({ claw }: AgentTask): string {
  const network =
    claw.egress.length === 0
      ? 'There is no network: what needs it ends with a text that says which entry the egress list lacks.'
      : `Of the network you reach these hosts only: ${claw.egress.join(', ')}.`;
  return `You work in a container of your own. Your folder is /work; files that were given to you are in /work/in, and \
files that you leave in /work/out are handed back with your answer. ${network} Use the tools to find out and to check facts instead of guessing, then give one clear final answer.`;
}

function paths(label: string, names: readonly string[], work: string): string {
  return names.length === 0 ? '' : `${label}: ${names.map((name) => `${work}/in/${name}`).join(', ')}`;
}

function imageNames({ task }: AgentTask): string[] {
  return task.images.map(({ name }) => name);
}

async function readImage(image: AgentTask['task']['images'][number], folder: string): Promise<GivenImage> {
  const data = await readFile(join(folder, image.name));
  return { url: `data:${image.type};base64,${data.toString('base64')}`, detail: detailOf(image.detail) };
}

function detailOf(detail: string): GivenImage['detail'] {
  return detail === 'low' || detail === 'high' ? detail : 'auto';
}
