import { describe, expect, it } from 'vitest';
import type { CodedError } from '#errors/coded-error.ts';
import { FrameDecoder } from '#protocol/frames-decoder.ts';
import { encodeFrame, type Frame } from '#protocol/frames.ts';
import { CageSession } from '#protocol/link-cage.ts';
import type { LinkConnection } from '#protocol/link-connection.ts';
import { ControllerSession } from '#protocol/link-controller.ts';
import { toCage, type FromCage, type HelloMessage, type ToCage } from '#protocol/link-messages.ts';
import { messageParser, PASSED_OVER } from '#protocol/link-parse.ts';
import { inWordsOf } from '#protocol/link-words.ts';
import { highestCommon, type VersionRange } from '#protocol/link-versions.ts';

const range = (oldest: number, newest: number): VersionRange => ({ oldest, newest });
const settled = () => new Promise((resolve) => setImmediate(resolve));

/** Both ends of a link in this process; what each wrote can be read, and more be put into their streams. */
class Pair {
  readonly hellos: HelloMessage[] = [];
  readonly atCage: ToCage[] = [];
  readonly atController: FromCage[] = [];
  readonly spokenInCage: number[] = [];
  readonly fatal: CodedError[] = [];
  readonly said: Frame[] = [];
  readonly cage: CageSession;
  readonly controller: ControllerSession;
  toCage!: LinkConnection;
  toController!: LinkConnection;

  constructor(ofCage: VersionRange, ofController: VersionRange) {
    this.cage = new CageSession({
      hello: () => ({ cageId: 'cage', meterPublicKey: 'key', proof: { ok: true, checks: [] } }),
      onMessage: (message) => void this.atCage.push(message),
      onController: ({ version }) => void this.spokenInCage.push(version),
      protocol: ofCage,
      clockMs: () => 1_234,
    });
    this.controller = new ControllerSession({
      epoch: 1,
      lastSeq: 0,
      onHello: (hello) => void this.hellos.push(hello),
      onMessage: (message) => void this.atController.push(message),
      onHandlerFailed: () => undefined,
      onFatal: (error) => void this.fatal.push(error),
      protocol: ofController,
    });
  }

  async connect(): Promise<this> {
    const decoder = new FrameDecoder();
    const into = (to: () => LinkConnection) => ({
      write: (bytes: Uint8Array) => void setImmediate(() => to().receive(bytes)),
      pause: () => undefined,
      resume: () => undefined,
      close: () => undefined,
    });
    this.toCage = this.cage.accept({
      ...into(() => this.toController),
      write: (bytes: Uint8Array) => {
        this.said.push(...decoder.push(bytes).frames);
        setImmediate(() => this.toController.receive(bytes));
      },
    });
    this.toController = this.controller.connect(into(() => this.toCage));
    for (let turn = 0; turn < 5; turn++) await settled();
    return this;
  }

  get helloOnTheWire(): object {
    const [first] = this.said;
    return first !== undefined && 'payload' in first ? (first.payload as object) : {};
  }
}

describe('the version of a link', () => {
  it.each([
    ['the same', range(2, 3), range(2, 3), 3],
    ['a newer controller', range(2, 3), range(2, 5), 3],
    ['a newer cage', range(3, 6), range(2, 4), 4],
    ['a controller that left the oldest behind', range(2, 3), range(3, 4), 3],
  ])('is the newest that both speak: %s', async (_, cage, controller, spoken) => {
    const pair = await new Pair(cage, controller).connect();
    expect(pair.hellos.map(({ version }) => version)).toEqual([spoken]);
    expect(pair.spokenInCage).toEqual([spoken]);
    pair.cage.send({ type: 'pong', id: 7 });
    pair.controller.session.send({ type: 'ping', id: 8 });
    await Promise.all([pair.cage.session.acknowledged(), pair.controller.session.acknowledged()]);
    expect([pair.atController, pair.atCage]).toEqual([[{ type: 'pong', id: 7 }], [{ type: 'ping', id: 8 }]]);
  });

  it.each([
    ['newer', range(4, 5), [4, 5], [2, 3]],
    ['older', range(1, 1), [1], [2, 3]],
  ])(
    'is refused for good, with both lists, where there is none: a %s controller',
    async (_, controller, offered, spoken) => {
      const pair = await new Pair(range(2, 3), controller).connect();
      expect(pair.hellos).toEqual([]);
      expect(pair.fatal).toMatchObject([
        { code: 'link_version', verdict: 'final', details: { offered, spoken } },
      ]);
    },
  );

  it('is kept to where an end answers with one that was not offered', () => {
    expect(() => highestCommon(range(2, 3), [4])).toThrow(expect.objectContaining({ code: 'link_version' }));
  });

  it('leaves out of the hello what an end of version 2 does not know', async () => {
    const old = await new Pair(range(2, 4), range(2, 2)).connect();
    const present = await new Pair(range(2, 4), range(2, 3)).connect();
    expect(old.helloOnTheWire).not.toHaveProperty('versions');
    expect(present.helloOnTheWire).toMatchObject({ version: 3, versions: [2, 3, 4] });
  });
});

describe('what came with version 4', () => {
  it('is the cage’s clock in the hello: to an end that knows it, and to no other', async () => {
    const present = await new Pair(range(2, 4), range(2, 4)).connect();
    const old = await new Pair(range(2, 4), range(2, 3)).connect();
    const oldCage = await new Pair(range(2, 3), range(2, 4)).connect();
    expect(present.hellos[0]?.clockMs).toBe(1_234);
    expect(old.helloOnTheWire).not.toHaveProperty('clockMs');
    expect(oldCage.hellos[0]).not.toHaveProperty('clockMs');
  });

  it('is left out of what is said to an end of before', () => {
    const decision = { granted: true, sendWithinMs: 5, sendBeforeMs: 9, limits: {} } as const;
    const permit: ToCage = { type: 'permit', callId: 'c', decision };
    expect(inWordsOf(4, permit)).toBe(permit);
    expect(inWordsOf(3, permit)).toEqual({ ...permit, decision: { granted: true, sendWithinMs: 5 } });
    expect(inWordsOf<FromCage>(3, { type: 'sent', callId: 'c', agoMs: 0, atMs: 7 })).toEqual({
      type: 'sent',
      callId: 'c',
      agoMs: 0,
    });
    const asked = {
      type: 'permit_request',
      taskId: 't',
      epoch: 1,
      callId: 'c',
      tokens: 1,
      model: 'm',
    } as const;
    const request = { ...asked, operation: 'chat', waitMs: 0 };
    expect(inWordsOf<FromCage>(3, { ...request, canTighten: true, extend: true })).toEqual(request);
    expect(inWordsOf<FromCage>(2, { type: 'pong', id: 1, clockMs: 7 })).toEqual({ type: 'pong', id: 1 });
  });
});

describe('what a newer end says and this one does not know', () => {
  const novelties = [
    { type: 'ping', id: 1, mood: 'good' },
    { type: 'dance', steps: 3 },
    { type: 'ping', id: 2 },
  ];
  const say = (connection: LinkConnection): void =>
    novelties.forEach((payload, at) =>
      connection.receive(encodeFrame({ kind: 'message', seq: at + 1, payload })),
    );

  it('is passed over, and what follows arrives', async () => {
    const pair = await new Pair(range(2, 3), range(2, 4)).connect();
    say(pair.toCage);
    await settled();
    expect(pair.atCage).toEqual([
      { type: 'ping', id: 1 },
      { type: 'ping', id: 2 },
    ]);
    expect(pair.said.findLast(({ kind }) => kind === 'ack')).toMatchObject({ seq: 3 });
  });

  it('is a fault where the end is not newer', async () => {
    const pair = await new Pair(range(2, 3), range(2, 3)).connect();
    say(pair.toCage);
    await settled();
    expect(pair.atCage).toEqual([]);
    expect(pair.fatal).toMatchObject([{ code: 'link_message_unknown' }]);
  });

  it('is passed over by a controller too, with an event of an unknown kind', async () => {
    const pair = await new Pair(range(2, 4), range(2, 3)).connect();
    const strange = { type: 'event', taskId: 't', event: { kind: 'smell', of: 'smoke' } };
    pair.toController.receive(encodeFrame({ kind: 'message', seq: 1, payload: strange }));
    pair.toController.receive(
      encodeFrame({ kind: 'message', seq: 2, payload: { type: 'pong', id: 1, at: 0 } }),
    );
    await settled();
    expect(pair.atController).toEqual([{ type: 'pong', id: 1 }]);
  });

  it('does not excuse what is wrong in what is known', () => {
    const parse = messageParser<ToCage>(toCage);
    const wrong = {
      type: 'permit',
      callId: 'c',
      decision: { granted: true, sendWithinMs: 'soon', extra: 1 },
    };
    expect(() => parse(wrong, true)).toThrow(expect.objectContaining({ code: 'link_message_unknown' }));
    const deep = { type: 'permit', callId: 'c', decision: { granted: true, sendWithinMs: 5, extra: 1 } };
    expect(parse(deep, true)).toEqual({
      type: 'permit',
      callId: 'c',
      decision: { granted: true, sendWithinMs: 5 },
    });
    expect(parse({ type: 'dance' }, true)).toBe(PASSED_OVER);
  });
});
