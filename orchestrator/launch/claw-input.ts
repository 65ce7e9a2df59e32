import type { ClawInputMessage } from '#protocol/link-messages.ts';
import type { ClawRow } from '../store/claws-store.ts';

/** What a cage is told of its Claw. */
export function clawInputOf(claw: ClawRow): ClawInputMessage {
  const { name, model, instructions, maxSteps, api, models, egress, agent } = claw;
  return {
    name,
    model,
    instructions,
    maxSteps,
    api,
    models: models as Record<string, string[]>,
    ...(claw.maxOutputTokens !== null && { maxOutputTokens: claw.maxOutputTokens }),
    ...(claw.contextTokens !== null && { contextTokens: claw.contextTokens }),
    tools: agent.tools,
    mcp: agent.mcp,
    ...(agent.command !== null && { command: agent.command }),
    egress,
  };
}
