import type { Piece } from '../../model/produce.ts';
import { makeId } from '../ids.ts';
import type {
  CallItem,
  ContentPart,
  MessageItem,
  OutputItem,
  ReasoningWish,
  ResponseEvent,
} from './output-item.ts';
import { closeReasoning } from './reasoning-item.ts';

/** The items of an answer as they grow, and the events that tell of it in OpenAI's order. */
export class OutputItems {
  readonly all: OutputItem[] = [];
  readonly #wish: ReasoningWish;
  #open: OutputItem | undefined;

  constructor(wish: ReasoningWish) {
    this.#wish = wish;
  }

  *take(piece: Piece): Generator<ResponseEvent> {
    if (piece.kind === 'text') yield* this.#text(piece.text, piece.refusal === true);
    else if (piece.kind === 'arguments') yield this.#arguments(piece.text);
    else if (piece.kind === 'call')
      yield* this.#begin({
        id: makeId('fc'),
        type: 'function_call',
        status: 'in_progress',
        arguments: '',
        call_id: makeId('call'),
        name: piece.name,
      });
    else if (this.#open?.type !== 'reasoning')
      yield* this.#begin({ id: makeId('rs'), type: 'reasoning', summary: [] });
  }

  /** Nothing more comes to the item that is open. */
  *close(status: 'completed' | 'incomplete' = 'completed'): Generator<ResponseEvent> {
    const item = this.#open;
    if (item === undefined) return;
    this.#open = undefined;
    if (item.type === 'message') yield* this.#closePart(item);
    else if (item.type === 'reasoning') yield* closeReasoning(item, this.#wish, this.#at(item));
    else
      yield {
        type: 'response.function_call_arguments.done',
        ...this.#at(item),
        arguments: item.arguments,
        name: item.name,
      };
    if (item.type !== 'reasoning') item.status = status;
    yield { type: 'response.output_item.done', output_index: this.all.indexOf(item), item: copy(item) };
  }

  *#begin(item: OutputItem): Generator<ResponseEvent> {
    yield* this.close();
    this.#open = item;
    this.all.push(item);
    yield { type: 'response.output_item.added', output_index: this.all.length - 1, item: copy(item) };
  }

  *#text(text: string, refusal: boolean): Generator<ResponseEvent> {
    if (this.#open?.type !== 'message')
      yield* this.#begin({
        id: makeId('msg'),
        type: 'message',
        status: 'in_progress',
        role: 'assistant',
        content: [],
      });
    const message = this.#open as MessageItem;
    const part = yield* this.#part(message, refusal);
    if (part.type === 'refusal') {
      part.refusal += text;
      yield { type: 'response.refusal.delta', ...this.#inside(message), delta: text };
    } else {
      part.text += text;
      yield { type: 'response.output_text.delta', ...this.#inside(message), delta: text, logprobs: [] };
    }
  }

  /** The part that the text goes to, begun where it has to be. */
  *#part(message: MessageItem, refusal: boolean): Generator<ResponseEvent, ContentPart> {
    const last = message.content.at(-1);
    if (last !== undefined && (last.type === 'refusal') === refusal) return last;
    yield* this.#closePart(message);
    const part: ContentPart = refusal
      ? { type: 'refusal', refusal: '' }
      : { type: 'output_text', annotations: [], logprobs: [], text: '' };
    message.content.push(part);
    yield { type: 'response.content_part.added', ...this.#inside(message), part: copy(part) };
    return part;
  }

  *#closePart(message: MessageItem): Generator<ResponseEvent> {
    const part = message.content.at(-1);
    if (part === undefined) return;
    const inside = this.#inside(message);
    yield part.type === 'refusal'
      ? { type: 'response.refusal.done', ...inside, refusal: part.refusal }
      : { type: 'response.output_text.done', ...inside, text: part.text, logprobs: [] };
    yield { type: 'response.content_part.done', ...inside, part: copy(part) };
  }

  #arguments(text: string): ResponseEvent {
    const call = this.#open as CallItem;
    call.arguments += text;
    return { type: 'response.function_call_arguments.delta', ...this.#at(call), delta: text };
  }

  #at(item: OutputItem): { item_id: string; output_index: number } {
    return { item_id: item.id, output_index: this.all.indexOf(item) };
  }

  #inside(message: MessageItem): object {
    return { ...this.#at(message), content_index: message.content.length - 1 };
  }
}

/** As it is now: what was sent does not grow on. */
function copy<T>(value: T): T {
  return structuredClone(value);
}
