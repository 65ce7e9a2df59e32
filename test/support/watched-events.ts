import type { ServerMessage, TaskEvent } from '#protocol/live.ts';
import type { EventHub, From } from '../../orchestrator/events/event-hub.ts';
import type { TaskRef } from '../../orchestrator/events/stream-log.ts';

/** What a subscriber of a hub was told. */
export class Watched {
  readonly messages: ServerMessage[] = [];
  end: () => void = () => undefined;
  readonly #caughtUp = Promise.withResolvers<void>();

  static of(hub: Pick<EventHub, 'subscribe'>, task: TaskRef, from: From = {}): Watched {
    const watched = new Watched();
    watched.end = hub.subscribe(task, from, (message) => {
      watched.messages.push(message);
      if (message.type === 'caught_up') watched.#caughtUp.resolve();
    });
    return watched;
  }

  caughtUp(): Promise<void> {
    return this.#caughtUp.promise;
  }

  types(): string[] {
    return this.messages.map(({ type }) => type);
  }

  kinds(): TaskEvent['kind'][] {
    return this.messages.flatMap((message) => (message.type === 'event' ? [message.event.kind] : []));
  }

  texts(): string[] {
    return this.messages.flatMap((message) =>
      message.type === 'event' && message.event.kind === 'text' ? [message.event.text] : [],
    );
  }

  ids(): number[] {
    return this.messages.flatMap((message) => (message.type === 'event' ? [message.id] : []));
  }

  get lastId(): number {
    return this.ids().at(-1) ?? 0;
  }
}
