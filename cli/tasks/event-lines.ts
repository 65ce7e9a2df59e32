import type { TaskEvent } from '#protocol/live.ts';
import { coloursFor, type Colours, type Terminal } from '../terminal/terminal.ts';
import type { Follower } from './follow.ts';

/** The events of a task on stdout, a line or more for each; the text of the model in one piece. */
export class EventLines implements Follower {
  readonly #terminal: Terminal;
  readonly #json: boolean;
  readonly #colours: Colours;
  #inText = false;

  constructor(terminal: Terminal, { json }: { json: boolean }) {
    this.#terminal = terminal;
    this.#json = json;
    this.#colours = coloursFor(terminal.stdout, terminal.env);
  }

  onEvent(event: TaskEvent, at: string): void {
    if (this.#json) return this.#write(`${JSON.stringify({ at, event })}\n`);
    if (event.kind === 'text') {
      this.#inText = !event.text.endsWith('\n');
      return this.#write(event.text);
    }
    this.close();
    for (const line of linesOf(event, this.#colours)) this.#write(`${line}\n`);
  }

  onGap(): void {
    if (this.#json) return this.#write(`${JSON.stringify({ gap: true })}\n`);
    this.close();
    this.#write(`${this.#colours.yellow('(earlier events are no longer kept)')}\n`);
  }

  onConnection(): void {}

  close(): void {
    if (this.#inText) this.#write('\n');
    this.#inText = false;
  }

  #write(text: string): void {
    this.#terminal.stdout.write(text);
  }
}

function linesOf(event: TaskEvent, { cyan, dim, green, red }: Colours): string[] {
  const mark = (ok: boolean): string => (ok ? green('✓') : red('✗'));
  switch (event.kind) {
    case 'state':
      return [
        dim(
          `· ${event.task.state}${event.task.waiting === null ? '' : `, waiting: ${clean(event.task.waiting)}`} (attempt ${event.task.epoch})`,
        ),
      ];
    case 'tool_call':
      return [`${cyan('→')} ${clean(event.name)} ${clean(event.arguments)}`];
    case 'tool_result':
      return [`${mark(event.ok)} ${clean(event.name)}`, ...quoted(event.output)];
    case 'function_call':
      return [
        `${cyan('→')} ${clean(event.call.name)} ${clean(event.call.arguments)} ${dim(`(your function, call ${event.call.id})`)}`,
      ];
    case 'function_result':
      return [`${mark(event.ok)} ${dim(`call ${event.call} answered`)}`];
    case 'status':
      return [dim(`· ${clean(event.status)}`)];
    case 'log':
      return quoted(event.text);
    case 'ended':
      return [dim(`· ${event.task.state}`)];
    case 'text':
      return [];
  }
}

const quoted = (text: string): string[] =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => `  │ ${clean(line)}`);
const clean = (text: string): string => text.replace(/[\p{Cc}]+/gu, ' ');
