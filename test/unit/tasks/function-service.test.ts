import { expect, it } from 'vitest';
import { FunctionService } from '../../../orchestrator/tasks/function-service.ts';

it('an answer for a task that nobody here has is told what to do next by the state of the task', async () => {
  for (const [state, code] of [
    ['running', 'link_closed'],
    ['succeeded', 'function_call_answered'],
    ['queued', 'not_found'],
  ] as const) {
    const functions = new FunctionService({
      tasks: { byId: async () => ({ state }) } as never,
      runs: { get: () => undefined } as never,
    });
    await expect(functions.answer('o', 't', 'c', { ok: true, output: '' }), state).rejects.toMatchObject({
      code,
    });
  }
});
