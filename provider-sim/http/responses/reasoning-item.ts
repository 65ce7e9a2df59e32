import type { ReasoningItem, ReasoningWish, ResponseEvent } from './output-item.ts';

const SUMMARY = '**Thinking it over**\n\nThe simulated model thought about the request.';

/** What a reasoning item shows of itself, as far as the request wishes it. */
export function* closeReasoning(
  item: ReasoningItem,
  wish: ReasoningWish,
  at: { readonly item_id: string; readonly output_index: number },
): Generator<ResponseEvent> {
  if (wish.encrypted) item.encrypted_content = Buffer.from(`simulated:${item.id}`).toString('base64');
  if (!wish.summary) return;
  const place = { ...at, summary_index: 0 };
  const part = { type: 'summary_text' as const, text: SUMMARY };
  yield { type: 'response.reasoning_summary_part.added', ...place, part: { ...part, text: '' } };
  yield { type: 'response.reasoning_summary_text.delta', ...place, delta: SUMMARY };
  yield { type: 'response.reasoning_summary_text.done', ...place, text: SUMMARY };
  yield { type: 'response.reasoning_summary_part.done', ...place, part };
  item.summary.push(part);
}
