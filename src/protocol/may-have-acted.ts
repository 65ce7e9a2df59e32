import type { FromCage } from './link-messages.ts';

/** It tells that an agent had a model's answer or called a tool: another attempt of its task could do something a second time. */
export function mayHaveActed(message: FromCage): boolean {
  if (message.type === 'settle') return message.usage !== undefined;
  return message.type === 'event' && message.event.kind === 'tool_call';
}
