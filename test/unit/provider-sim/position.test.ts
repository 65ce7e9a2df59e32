import { describe, expect, it } from 'vitest';
import type { ChatMessage } from '../../../provider-sim/chat-request.ts';
import { scriptedCall, SCRIPT_ENDED } from '../../../provider-sim/model/position.ts';

const user = (content: string): ChatMessage => ({ role: 'user', content });
const system = (content: string): ChatMessage => ({ role: 'system', content });
const assistant: ChatMessage = { role: 'assistant', content: 'said' };
const tool: ChatMessage = {
  role: 'tool',
  content: '@say a tool must not speak for the model',
  tool_call_id: 'x',
};
const said = (...messages: ChatMessage[]) =>
  scriptedCall(messages)?.map((step) => (step.verb === 'say' ? step.text : step.verb));

describe('the place in a script', () => {
  const script = user('@tool a\n@tool b\n@answer end');

  it('moves on by one call with each assistant message', () => {
    expect(said(script)).toEqual(['tool']);
    expect(said(script, assistant, tool, assistant, tool)).toEqual(['end']);
  });

  it('is past the end when all calls are used up', () => {
    expect(scriptedCall([user('@say a'), assistant, tool])).toBe(SCRIPT_ENDED);
  });

  it('starts anew at a newer message with a script', () => {
    expect(said(script, assistant, tool, user('@say new'))).toEqual(['new']);
  });

  it('goes on over a message without one, until the script is used up', () => {
    expect(said(user('@answer a\n@answer b'), assistant, user('and?'))).toEqual(['b']);
    expect(said(user('@answer a'), assistant, user('and?'))).toBeUndefined();
  });

  it('is that of the system’s text where no user message has any, from its start at each user message', () => {
    const rule = system('@say from the system');
    expect(said(rule, user('hi'))).toEqual(['from the system']);
    expect(said(rule, user('hi'), assistant, user('again'))).toEqual(['from the system']);
    expect(said(rule, user('@say mine'))).toEqual(['mine']);
  });

  it('is never taken from what a tool or the assistant said', () => {
    expect(said(user('hi'), { role: 'assistant', content: '@say me' }, tool)).toBeUndefined();
  });
});
