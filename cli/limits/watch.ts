import { setTimeout as sleep } from 'node:timers/promises';
import type { LimitsReply } from '#protocol/api.ts';
import { say, writeJson, type Cli } from '../cli.ts';
import { EXIT } from '../exit-codes.ts';
import { Failure } from '../failure.ts';
import { Redrawn } from '../terminal/redrawn.ts';
import { widthOf } from '../terminal/terminal.ts';
import { wrapped } from '../terminal/wrap.ts';
import { limitsLines } from './limits-lines.ts';

export const EVERY_MS = 1000;
const HIDE_CURSOR = '\x1b[?25l';
const SHOW_CURSOR = '\x1b[?25h';

type Ask = (signal: AbortSignal) => Promise<LimitsReply>;
/** What was answered, or undefined where nothing was. */
type Show = (reply: LimitsReply | undefined) => void;

/**
 * Shows the limits each second until Ctrl-C, which is how it is meant to end. A service that does not answer at first is a failure, one that goes away
 * later is asked again.
 */
export async function watchLimits(cli: Cli, ask: Ask, { json }: { json: boolean }): Promise<void> {
  const stopped = new AbortController();
  using _interrupt = cli.terminal.onInterrupt(() => stopped.abort());
  if (json) return await each(ask, stopped.signal, asJson(cli));
  if (cli.terminal.stdout.isTTY !== true) return await each(ask, stopped.signal, asLines(cli));
  const picture = new Picture(cli);
  using _resize = cli.terminal.onResize(() => picture.draw());
  cli.terminal.stdout.write(HIDE_CURSOR);
  try {
    await each(ask, stopped.signal, (reply) => picture.show(reply));
  } finally {
    cli.terminal.stdout.write(SHOW_CURSOR);
  }
}

/** Asks and shows until it is stopped, which is no failure. */
async function each(ask: Ask, stopped: AbortSignal, show: Show): Promise<void> {
  try {
    for (let first = true; !stopped.aborted; first = false) {
      show(await answer(ask, stopped, first));
      await sleep(EVERY_MS, undefined, { signal: stopped });
    }
  } catch (error) {
    if (!stopped.aborted) throw error;
  }
}

/** Undefined where the service went away in the middle. */
async function answer(ask: Ask, signal: AbortSignal, first: boolean): Promise<LimitsReply | undefined> {
  try {
    return await ask(signal);
  } catch (error) {
    const away = error instanceof Failure && error.exitCode === EXIT.unreachable;
    if (first || signal.aborted || !away) throw error;
    return undefined;
  }
}

const AWAY = 'The service does not answer; it is asked again.';

/** The last answer, drawn in place for the width that the terminal has at that moment. */
class Picture {
  readonly #cli: Cli;
  readonly #place: Redrawn;
  #last: LimitsReply | undefined;
  #isAway = false;

  constructor(cli: Cli) {
    this.#cli = cli;
    this.#place = new Redrawn(cli.terminal.stdout);
  }

  show(reply: LimitsReply | undefined): void {
    this.#isAway = reply === undefined;
    this.#last = reply ?? this.#last;
    this.draw();
  }

  draw(): void {
    if (!this.#last) return;
    const { terminal } = this.#cli;
    const away = this.#isAway ? wrapped(AWAY, widthOf(terminal.stdout), 0) : [];
    this.#place.draw([...limitsLines(this.#last, terminal), ...away]);
  }
}

/** A line each second that says the same, for a log. */
function asLines(cli: Cli): Show {
  return (reply) => {
    if (!reply) return say(cli, AWAY);
    const levels = reply.levels.map(
      ({ level, tokens, requests }) =>
        `${level} tokens ${tokens.used}/${tokens.cap ?? '-'} requests ${requests.used}/${requests.cap ?? '-'}`,
    );
    const waits = reply.waitsFor === null ? '' : ` for ${reply.waitsFor}`;
    say(
      cli,
      [reply.at, ...levels, `calls ${reply.calls.inFlight}`, `waiting ${reply.waiting}${waits}`].join('  '),
    );
  };
}

function asJson(cli: Cli): Show {
  return (reply) => reply && writeJson(cli, reply);
}
