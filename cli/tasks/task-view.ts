import type { TaskView } from '#protocol/api.ts';
import type { TaskEvent } from '#protocol/live.ts';
import { Spinner } from '../terminal/spinner.ts';
import { coloursFor, type Colours, type Terminal } from '../terminal/terminal.ts';
import type { Follower } from './follow.ts';

const ARGUMENTS_SHOWN = 100;

/**
 * Shows a task while it runs: the model's text on stdout as it streams, progress on stderr. Two streams may share one terminal, so the
 * spinner is taken away before anything is written, and only comes back at the start of a line.
 */
export class TaskShown implements Follower {
  readonly #terminal: Terminal;
  readonly #spinner: Spinner;
  readonly #colours: Colours;
  readonly #stream: boolean;
  /** The text since the last tool call or attempt: what the answer has to end with. */
  #turn = '';
  #missed = false;
  #lastLine = '';
  /** The last character that went to stdout. */
  #written = '\n';
  #lastState = '';
  #epoch = 0;

  /** With `stream: false` nothing goes to stdout, and progress only to a person at a terminal. */
  constructor(terminal: Terminal, options: { stream: boolean }) {
    this.#terminal = terminal;
    this.#spinner = new Spinner(terminal);
    this.#colours = coloursFor(terminal.stderr, terminal.env);
    this.#stream = options.stream;
  }

  onEvent(event: TaskEvent): void {
    if (event.kind === 'text') this.#text(event.text);
    else if (event.kind === 'state') this.#state(event.task);
    else if (event.kind === 'status') this.#working(event.status);
    else if (event.kind === 'tool_call') this.#toolCall(event.name, event.arguments);
    else if (event.kind === 'tool_result') this.#progress(`${this.#mark(event.ok)} ${oneLine(event.name)}`);
    else if (event.kind === 'function_call')
      this.#toolCall(event.call.name, event.call.arguments, 'waits for its result');
    else if (event.kind === 'function_result') this.#progress(this.#mark(event.ok) + ' answered');
    else if (event.kind === 'log') this.#log(event.text);
    else this.#spinner.clear();
  }

  onGap(): void {
    this.#missed = true;
    this.#progress(this.#colours.yellow('some of the text was missed; the whole answer follows at the end'));
  }

  onConnection(connected: boolean): void {
    this.#progress(
      connected
        ? 'the service is back'
        : this.#colours.yellow('the service does not answer; the task goes on, waiting for it'),
    );
    if (!connected) this.#working('waiting for the service');
  }

  /** Writes what of the answer was not streamed, and the end of the last line. */
  answer(answer: string): void {
    this.#spinner.clear();
    if (!this.#stream) return;
    if (this.#missed || !answer.startsWith(this.#turn)) this.#endLine();
    const rest = !this.#missed && answer.startsWith(this.#turn) ? answer.slice(this.#turn.length) : answer;
    this.#write(rest);
    this.#endLine();
  }

  progress(line: string): void {
    this.#progress(line);
  }

  /** Before anything else is written. */
  close(): void {
    this.#spinner.clear();
    this.#endLine();
  }

  working(text: string): void {
    this.#working(text);
  }

  #text(text: string): void {
    this.#spinner.clear();
    if (!this.#stream) return;
    this.#turn += text;
    this.#write(text);
  }

  /** What the agent's process writes for people to read. */
  #log(text: string): void {
    for (const line of text.split('\n'))
      if (line.trim() !== '') this.#progress(this.#colours.dim(oneLine(line)));
  }

  #mark(ok: boolean): string {
    return ok ? this.#colours.green('✓') : this.#colours.red('✗');
  }

  #toolCall(name: string, args: string, doing = 'runs in the cage'): void {
    this.#endLine();
    this.#turn = '';
    this.#missed = false;
    this.#progress(
      `${this.#colours.cyan('→')} ${oneLine(name)} ${this.#colours.dim(oneLine(args).slice(0, ARGUMENTS_SHOWN))}`,
    );
    this.#working(`${oneLine(name)} ${doing}`);
  }

  #state(task: TaskView): void {
    if (task.epoch > this.#epoch && this.#epoch > 0) {
      this.#endLine();
      this.#turn = '';
      this.#progress(
        this.#colours.yellow(
          `a new attempt starts (the ${task.epoch}th)`.replace('2th', '2nd').replace('3th', '3rd'),
        ),
      );
    }
    this.#epoch = Math.max(this.#epoch, task.epoch);
    const words = task.waiting === null ? task.state : `${task.state}, waiting: ${oneLine(task.waiting)}`;
    // On a terminal the spinner says it.
    if (!this.#terminal.stderr.isTTY && words !== this.#lastState) this.#progress(words);
    if (task.endedAt === null) this.#working(words);
    this.#lastState = words;
  }

  #working(text: string): void {
    if (this.#atLineStart()) this.#spinner.show(oneLine(text));
  }

  /** One line of progress; the same line is not said twice in a row. */
  #progress(line: string): void {
    if (!this.#stream && !this.#terminal.stderr.isTTY) return;
    if (line === this.#lastLine) return;
    this.#lastLine = line;
    this.#spinner.clear();
    if (this.#terminal.stdout.isTTY) this.#endLine();
    this.#terminal.stderr.write(`${line}\n`);
  }

  #write(text: string): void {
    if (text === '') return;
    this.#terminal.stdout.write(text);
    this.#written = text.at(-1)!;
  }

  #atLineStart(): boolean {
    return this.#written === '\n';
  }

  #endLine(): void {
    if (!this.#atLineStart()) this.#write('\n');
  }
}

function oneLine(text: string): string {
  return text.replace(/[\p{Cc}]+/gu, ' ');
}
