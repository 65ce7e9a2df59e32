import fc from 'fast-check';
import { expect, test } from 'vitest';
import { EventHub } from '../../../orchestrator/events/event-hub.ts';
import { openEvent } from '../../../orchestrator/events/sealing.ts';
import { ofCage } from '../../../orchestrator/events/unwritten.ts';
import { FakeStreams, keyOf, openKeys } from '../../support/fake-streams.ts';
import { Watched } from '../../support/watched-events.ts';

const of = { organisation: 'o', task: 't' };

/** Two orchestrators, one Redis, one cage, whose events go to whoever holds its task; whoever held it before may still say something. */
class Installation {
  readonly streams = new FakeStreams();
  readonly #logs = [this.streams.connect(), this.streams.connect()] as const;
  readonly #hubs = this.#logs.map((log, at) => new EventHub({ log, keys: openKeys, nowMs: 1 + at }));
  readonly watchers: Watched[] = [];
  readonly refused: { readonly text: string; readonly seen: readonly number[] }[] = [];
  #fences = [1, 0];
  #holder = 0;
  #said = 0;
  #acknowledged = 0;
  #own = 0;

  say(count: number): void {
    for (let n = 0; n < count; n++) this.#send(++this.#said);
  }

  /** The holder, or who was it, in its own name. */
  note(who: number): void {
    const by = { fence: this.#fences[who]! };
    this.#publish(who, `note ${++this.#own}`, by).catch(() => undefined);
  }

  takeOver(): void {
    this.#holder = 1 - this.#holder;
    const fence = Math.max(...this.#fences) + 1;
    this.#fences[this.#holder] = fence;
    const by = { fence, once: ofCage(1, this.#acknowledged) };
    if (this.#acknowledged > 0) void this.#hubs[this.#holder]!.acknowledged(of, by).catch(() => undefined);
    for (let n = this.#acknowledged + 1; n <= this.#said; n++) this.#send(n);
  }

  watch(where: number): void {
    this.watchers.push(Watched.of(this.#hubs[where]!, of));
  }

  cut(who: number, isSilent: boolean): void {
    if (isSilent) this.#logs[who]!.isSilent = true;
    else this.#logs[who]!.cut();
  }

  heal(who: number): void {
    this.#logs[who]!.heal();
    this.#hubs[who]!.sweep();
  }

  lose(count: number): void {
    for (const log of this.#logs) log.cut();
    if (count === 0) this.streams.loseAll();
    else this.streams.loseNewest(of, count);
  }

  /** All is well again, and the holder has a last word. */
  async settle(): Promise<void> {
    for (const who of [0, 1]) this.heal(who);
    await this.streams.quiet();
    // What had just failed is tried again a second later.
    for (const hub of this.#hubs) hub.sweep();
    await this.streams.quiet();
    this.say(1);
    await this.streams.quiet();
  }

  /** What is in the stream, `gap` where something is missing. */
  stream(): string[] {
    const { wrapped, entries } = this.streams.kept(of)!;
    return entries.map(({ id, sealed }) => {
      if (sealed.length === 0) return 'gap';
      const { event } = openEvent(keyOf(wrapped), of.task, id, sealed);
      return event.kind === 'text' ? event.text : event.kind;
    });
  }

  close(): void {
    for (const hub of this.#hubs) hub.close();
  }

  #send(n: number): void {
    const by = { fence: this.#fences[this.#holder]!, once: ofCage(1, n) };
    this.#publish(this.#holder, `${n}`, by).then(
      () => (this.#acknowledged = Math.max(this.#acknowledged, n)),
      () => undefined,
    );
  }

  async #publish(who: number, words: string, by: Parameters<EventHub['publish']>[2]): Promise<void> {
    const text = `${words} by ${by?.fence}`;
    try {
      await this.#hubs[who]!.publish(of, { kind: 'text', text }, by);
    } catch (error) {
      this.refused.push({ text, seen: this.watchers.map(({ messages }) => messages.length) });
      throw error;
    }
  }
}

const who = fc.constantFrom(0, 1);
const step = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: 1, max: 3 }).map((count) => ({ do: 'say', count }) as const) },
  { weight: 1, arbitrary: who.map((at) => ({ do: 'note', at }) as const) },
  { weight: 2, arbitrary: fc.constant({ do: 'takeOver' } as const) },
  { weight: 1, arbitrary: who.map((at) => ({ do: 'watch', at }) as const) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('cut' as const), at: who, isSilent: fc.boolean() }),
  },
  { weight: 2, arbitrary: who.map((at) => ({ do: 'heal', at }) as const) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 2 }).map((count) => ({ do: 'lose', count }) as const) },
  { weight: 4, arbitrary: fc.constant({ do: 'wait' } as const) },
);
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

async function take(all: Installation, it: Step): Promise<void> {
  if (it.do === 'say') all.say(it.count);
  if (it.do === 'note') all.note(it.at);
  if (it.do === 'takeOver') all.takeOver();
  if (it.do === 'watch') all.watch(it.at);
  if (it.do === 'cut') all.cut(it.at, it.isSilent);
  if (it.do === 'heal') all.heal(it.at);
  if (it.do === 'lose') all.lose(it.count);
  if (it.do === 'wait') await all.streams.quiet();
}

const textsOf = (messages: Watched['messages']): string[] =>
  messages.flatMap((message) =>
    message.type === 'event' && message.event.kind === 'text' ? [message.event.text] : [],
  );

/** What was told between two gaps. */
function stretches({ messages }: Watched): { ids: number[]; texts: string[] }[] {
  const found = [{ ids: [] as number[], texts: [] as string[] }];
  for (const message of messages) {
    if (message.type === 'gap') found.push({ ids: [], texts: [] });
    if (message.type !== 'event' || message.event.kind !== 'text') continue;
    found.at(-1)!.ids.push(message.id);
    found.at(-1)!.texts.push(message.event.text);
  }
  return found;
}

function judge(all: Installation): void {
  const stream = all.stream();
  for (const [at, watcher] of all.watchers.entries()) {
    for (const { text, seen } of all.refused)
      expect(textsOf(watcher.messages.slice(seen[at] ?? 0))).not.toContain(text);
    const told = stretches(watcher);
    for (const { ids, texts } of told) {
      expect(ids).toEqual(ids.map((_, at) => ids[0]! + at));
      expect(new Set(texts).size).toBe(texts.length);
    }
    const { texts } = told.at(-1)!;
    // Behind its last gap it has what the stream has, to the end.
    expect(texts).toEqual(stream.slice(stream.length - texts.length));
    expect(texts.length).toBeGreaterThan(0);
    if (told.length === 1) expect(texts).toEqual(stream);
  }
}

test('whatever is cut off, taken over and lost: between gaps a watcher is told what the stream has, each once and in order', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 4, maxLength: 30 }), async (steps) => {
      const all = new Installation();
      try {
        all.watch(0);
        all.watch(1);
        for (const it of steps) await take(all, it);
        await all.settle();
        judge(all);
      } finally {
        all.close();
      }
    }),
    { numRuns: 300 },
  );
}, 120_000);
