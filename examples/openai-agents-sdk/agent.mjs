// An agent of the OpenAI Agents SDK with a tool of its own. What it does is told on descriptor 3, where the task's watchers see it.
import { readFileSync, writeSync } from 'node:fs';
import { Agent, run, setOpenAIAPI, setTracingDisabled, tool } from '@openai/agents';
import { z } from 'zod';

const { task, claw } = JSON.parse(readFileSync('/run/clawcage/task.json', 'utf8'));
const tell = (event) => writeSync(3, `${JSON.stringify(event)}\n`);

// Traces would go to OpenAI's platform, beside the model calls.
setTracingDisabled(true);
setOpenAIAPI('chat_completions');

const countWords = tool({
  name: 'count_words',
  description: 'Counts the words of a text.',
  parameters: z.object({ text: z.string() }),
  execute: ({ text }) => {
    tell({ kind: 'status', status: 'counting words' });
    return String(text.split(/\s+/).filter(Boolean).length);
  },
});

const agent = new Agent({
  name: claw.name,
  model: claw.model,
  instructions: claw.instructions || 'Use your tools where they help.',
  tools: [countWords],
});
const result = await run(agent, task.text, { maxTurns: claw.maxSteps });
tell({ kind: 'answer', text: String(result.finalOutput) });
