import type OpenAI from 'openai';
import type { ChatCompletionMessageParam } from 'openai/resources/chat/completions';
import { CodedError } from '#errors/coded-error.ts';
import { brokeOff } from './failure.ts';
import type { Report } from './report.ts';
import { openingMessages, type AgentTask } from './task.ts';
import { runTool, toolDefinitions } from './tools/toolbox.ts';
import type { ToolContext } from './tools/tool.ts';
import { readTurn, type ToolCall, type Turn } from './turn.ts';

const TRIES_OF_A_STEP = 3;
const SHOWN_OUTPUT = 32 * 1024;

/**
 * Asks the model, runs the tools that it calls, tells it the results, until it answers without a call. Gives the final answer's text. Errors: `agent_step_limit`,
 * `agent_refused`, `agent_failed`, or what the client throws (see failure.ts). Tools run one after the other, as the model ordered them.
 */
export async function runLoop(
  client: OpenAI,
  task: AgentTask,
  context: ToolContext,
  report: Report,
): Promise<string> {
  const messages: ChatCompletionMessageParam[] = openingMessages(task, context.work);
  let answer = '';
  for (let step = 1; step <= task.claw.maxSteps; step++) {
    report({ kind: 'status', status: `step ${step}` });
    const turn = await askModel(client, task.claw.model, messages, report);
    if (turn.refusal !== '' || turn.finishReason === 'content_filter') {
      throw new CodedError('agent_refused', {
        reason: turn.refusal.slice(0, 300) || 'The provider filtered the answer.',
      });
    }
    messages.push(assistantMessage(turn));
    if (turn.toolCalls.length > 0) {
      answer = '';
      for (const call of turn.toolCalls) messages.push(await toolMessage(call, context, report));
      continue;
    }
    answer += turn.text;
    if (turn.finishReason === 'length' && turn.text !== '') {
      messages.push({ role: 'user', content: 'Your answer was cut off: go on exactly where it stopped.' });
      continue;
    }
    if (answer.trim() === '')
      throw new CodedError('agent_failed', { reason: 'The model gave neither an answer nor a tool call.' });
    return answer;
  }
  throw new CodedError('agent_step_limit', { maxSteps: task.claw.maxSteps });
}

/** One step of the model. Where its answer breaks off on the way the step is tried again; errors before an answer are retried by the client itself. */
async function askModel(
  client: OpenAI,
  model: string,
  messages: ChatCompletionMessageParam[],
  report: Report,
): Promise<Turn> {
  for (let attempt = 1; ; attempt++) {
    const chunks = await client.chat.completions.create({
      model,
      messages,
      tools: toolDefinitions,
      stream: true,
    });
    try {
      return await readTurn(chunks, (text) => report({ kind: 'text', text }));
    } catch (error) {
      if (attempt >= TRIES_OF_A_STEP || !brokeOff(error)) {
        throw brokeOff(error)
          ? new CodedError('provider_unreachable', { reason: 'The answer broke off.' })
          : error;
      }
      report({ kind: 'status', status: 'the answer broke off, asking again' });
    }
  }
}

function assistantMessage(turn: Turn): ChatCompletionMessageParam {
  const calls = turn.toolCalls.map(({ id, ...call }) => ({ id, type: 'function' as const, function: call }));
  return { role: 'assistant', content: turn.text, ...(calls.length > 0 && { tool_calls: calls }) };
}

async function toolMessage(
  call: ToolCall,
  context: ToolContext,
  report: Report,
): Promise<ChatCompletionMessageParam> {
  report({
    kind: 'tool_call',
    id: call.id,
    name: call.name,
    arguments: call.arguments.slice(0, SHOWN_OUTPUT),
  });
  const { ok, output } = await runTool(call.name, call.arguments, context);
  report({ kind: 'tool_result', id: call.id, name: call.name, ok, output: output.slice(0, SHOWN_OUTPUT) });
  return { role: 'tool', tool_call_id: call.id, content: output };
}
