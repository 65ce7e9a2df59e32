import type { ServerMessage } from '#protocol/live.ts';

/** A watcher of one task over the WebSocket that goes on, wherever it connects next, behind the last event that it saw. */
export class ResumingWatcher implements Disposable {
  readonly messages: ServerMessage[] = [];
  readonly #task: string;
  #socket: WebSocket | undefined;
  #lastId = 0;

  constructor(task: string) {
    this.#task = task;
  }

  /** Leaves where it was; resolves when it is subscribed there. */
  async connect(service: { readonly url: string; readonly token: string }): Promise<void> {
    this.#socket?.close();
    const socket = new WebSocket(`${service.url.replace('http', 'ws')}/api/v1/events`, [
      'clawcage',
      `clawcage.bearer.${service.token}`,
    ]);
    this.#socket = socket;
    await new Promise<void>((resolve, reject) => {
      socket.onopen = () => resolve();
      socket.onerror = () => reject(new Error('the socket failed'));
    });
    socket.onerror = () => undefined;
    socket.onmessage = ({ data }) => {
      if (socket === this.#socket) this.#take(JSON.parse(data as string) as ServerMessage);
    };
    socket.send(JSON.stringify({ type: 'subscribe', task: this.#task, after: this.#lastId }));
  }

  get text(): string {
    return this.messages
      .map((message) => (message.type === 'event' && message.event.kind === 'text' ? message.event.text : ''))
      .join('');
  }

  get ids(): number[] {
    return this.messages.flatMap((message) => (message.type === 'event' ? [message.id] : []));
  }

  get hasEnded(): boolean {
    return this.messages.some((message) => message.type === 'event' && message.event.kind === 'ended');
  }

  count(type: ServerMessage['type']): number {
    return this.messages.filter((message) => message.type === type).length;
  }

  [Symbol.dispose](): void {
    this.#socket?.close();
  }

  #take(message: ServerMessage): void {
    this.messages.push(message);
    if (message.type === 'event') this.#lastId = message.id;
    if (message.type === 'gap') this.#lastId = message.from - 1;
  }
}
