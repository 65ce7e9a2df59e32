import * as z from 'zod/mini';

/** The task as the warden gives it to an agent, JSON on stdin. Files lie in `/work/in`. */
export const agentTask = z.object({
  task: z.object({ text: z.string(), files: z.array(z.string()) }),
  claw: z.object({ name: z.string(), model: z.string(), instructions: z.string(), maxSteps: z.number() }),
});
export type AgentTask = z.infer<typeof agentTask>;

const SURROUNDINGS = `You work in a container of your own. Your folder is /work; files that were given to you are in /work/in. \
There is no network. Use the tools to find out and to check facts instead of guessing, then give one clear final answer.`;

/** The conversation that the task begins with. */
export function openingMessages(
  { task, claw }: AgentTask,
  work: string,
): { role: 'system' | 'user'; content: string }[] {
  const files = task.files.map((name) => `${work}/in/${name}`).join(', ');
  const system = [claw.instructions.trim(), SURROUNDINGS].filter((part) => part !== '').join('\n\n');
  return [
    { role: 'system', content: system },
    { role: 'user', content: files === '' ? task.text : `${task.text}\n\nFiles given: ${files}` },
  ];
}
