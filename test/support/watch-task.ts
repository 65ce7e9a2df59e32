import type { FunctionCall } from '#protocol/api.ts';
import type { ServerMessage, TaskEvent } from '#protocol/live.ts';

/** A watcher of one task over the WebSocket; what it saw is in `events`. */
export class TaskWatcher implements Disposable {
  readonly events: TaskEvent[] = [];
  readonly others: ServerMessage[] = [];
  readonly #socket: WebSocket;
  #changed = Promise.withResolvers<void>();

  private constructor(socket: WebSocket) {
    this.#socket = socket;
  }

  static async open(service: { url: string; token: string }, task: string): Promise<TaskWatcher> {
    const socket = new WebSocket(`${service.url.replace('http', 'ws')}/api/v1/events`, [
      'clawcage',
      `clawcage.bearer.${service.token}`,
    ]);
    const watcher = new TaskWatcher(socket);
    await new Promise<void>((resolve, reject) => {
      socket.onopen = () => resolve();
      socket.onerror = () => reject(new Error('the socket failed'));
    });
    socket.onmessage = ({ data }) => watcher.#take(JSON.parse(data as string) as ServerMessage);
    socket.send(JSON.stringify({ type: 'subscribe', task }));
    return watcher;
  }

  send(message: object): void {
    this.#socket.send(JSON.stringify(message));
  }

  async call(at = 0): Promise<FunctionCall> {
    const event = await this.#until(() => this.events.filter(({ kind }) => kind === 'function_call')[at]);
    return (event as Extract<TaskEvent, { kind: 'function_call' }>).call;
  }

  other(type: ServerMessage['type']): Promise<ServerMessage> {
    return this.#until(() => this.others.find((message) => message.type === type));
  }

  [Symbol.dispose](): void {
    this.#socket.close();
  }

  #take(message: ServerMessage): void {
    if (message.type === 'event') this.events.push(message.event);
    else this.others.push(message);
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }

  async #until<T>(find: () => T | undefined): Promise<T> {
    for (;;) {
      const found = find();
      if (found !== undefined) return found;
      await this.#changed.promise;
    }
  }
}
