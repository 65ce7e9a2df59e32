import { beforeEach, describe, expect, it } from 'vitest';
import type { CodedError } from '#errors/coded-error.ts';
import { FrameDecoder } from '#protocol/frames-decoder.ts';
import { encodeFrame, type Frame } from '#protocol/frames.ts';
import { CageSession, type ControllerState } from '#protocol/link-cage.ts';
import type { LinkConnection } from '#protocol/link-connection.ts';
import { ControllerSession } from '#protocol/link-controller.ts';
import { PROTOCOL, versionsOf } from '#protocol/link-versions.ts';
import type { OutboxLimits } from '#protocol/link-outbox.ts';

/** A stream of which the test is the other end. */
class OtherEnd {
  readonly frames: Frame[] = [];
  readonly #decoder = new FrameDecoder();
  closed = false;
  paused = false;
  bytes = 0;

  readonly transport = {
    write: (bytes: Uint8Array) => {
      this.bytes += bytes.length;
      this.frames.push(...this.#decoder.push(bytes).frames);
    },
    pause: () => void (this.paused = true),
    resume: () => void (this.paused = false),
    close: () => void (this.closed = true),
  };

  get payloads(): unknown[] {
    return this.frames.flatMap((frame) => ('payload' in frame ? [frame.payload] : []));
  }
}

const settled = () => new Promise((resolve) => setImmediate(resolve));
const resume = (epoch: number, lastSeq = 0, versions = versionsOf(PROTOCOL)) => ({
  type: 'resume',
  versions,
  epoch,
  lastSeq,
});
const text = (size: number) =>
  ({ type: 'event', taskId: 't', event: { kind: 'text', text: 'x'.repeat(size) } }) as const;

describe("the cage's end", () => {
  let states: ControllerState[];
  let received: number[];
  let errors: CodedError[];
  const build = (limits?: OutboxLimits) =>
    new CageSession({
      hello: () => ({ cageId: 'cage', meterPublicKey: 'key', proof: { ok: true, checks: [] } }),
      onMessage: (_message, seq) => void received.push(seq),
      onController: (state) => void states.push(state),
      onError: (error) => void errors.push(error),
      limits,
    });
  const attach = async (session: CageSession, hello: unknown): Promise<[OtherEnd, LinkConnection]> => {
    const end = new OtherEnd();
    const connection = session.accept(end.transport);
    connection.receive(encodeFrame({ kind: 'handshake', payload: hello }));
    await settled();
    return [end, connection];
  };

  beforeEach(() => {
    states = [];
    received = [];
    errors = [];
  });

  it('tells which event of its task was acknowledged last and whether its agent acted, and nothing of the task before', async () => {
    let task = 't';
    const session = new CageSession({
      hello: () => ({
        cageId: 'cage',
        meterPublicKey: 'key',
        proof: { ok: true, checks: [] },
        task: { taskId: task, epoch: 1 },
      }),
      onMessage: () => undefined,
      onController: () => undefined,
    });
    const told = async (epoch: number, versions?: number[]): Promise<unknown> => {
      const [end] = await attach(session, resume(epoch, 0, versions));
      return (end.payloads[0] as { task: object }).task;
    };
    const [, connection] = await attach(session, resume(1));
    for (const message of [text(1), text(2), { type: 'pong', id: 1 } as const, text(3)])
      session.send(message);
    connection.receive(encodeFrame({ kind: 'ack', seq: 3 }));
    expect(await told(2)).toEqual({ taskId: 't', epoch: 1, ackedEvent: 2 });
    expect(await told(3, [2, 3])).toEqual({ taskId: 't', epoch: 1 });
    session.send({
      type: 'event',
      taskId: 't',
      event: { kind: 'tool_call', id: 'c', name: 'n', arguments: '{}' },
    });
    expect(await told(4)).toEqual({ taskId: 't', epoch: 1, ackedEvent: 2, acted: true });
    task = 'next';
    expect(await told(5)).toEqual({ taskId: 'next', epoch: 1 });
  });

  it('refuses an older epoch, and says so to the one that a newer epoch replaces', async () => {
    const session = build();
    const [first] = await attach(session, resume(3));
    const [second] = await attach(session, resume(4));
    const [third] = await attach(session, resume(3));
    expect(first.payloads.at(-1)).toMatchObject({ type: 'refuse', error: { code: 'link_superseded' } });
    expect(second.payloads).toMatchObject([{ type: 'hello', epoch: 4 }]);
    expect(third.payloads).toMatchObject([
      { type: 'refuse', error: { code: 'link_superseded', details: { epoch: 4 } } },
    ]);
    expect([first.closed, second.closed, third.closed]).toEqual([true, false, true]);
    expect(states.map(({ epoch, fresh }) => [epoch, fresh])).toEqual([
      [3, true],
      [4, true],
    ]);
  });

  it('takes the same epoch again on a new connection and goes on with its numbering', async () => {
    const session = build();
    const [, one] = await attach(session, resume(1));
    one.receive(encodeFrame({ kind: 'message', seq: 1, payload: { type: 'ping', id: 1 } }));
    await settled();
    const [two, again] = await attach(session, resume(1));
    expect(two.payloads).toMatchObject([{ type: 'hello', lastSeq: 1 }]);
    again.receive(encodeFrame({ kind: 'message', seq: 2, payload: { type: 'ping', id: 2 } }));
    await settled();
    expect(received).toEqual([1, 2]);
    expect(states.map((state) => state.fresh)).toEqual([true, false]);
  });

  it('refuses a controller of other versions, whatever else its resume says', async () => {
    const [end] = await attach(build(), {
      ...resume(1),
      versions: [PROTOCOL.newest + 1, PROTOCOL.newest + 2],
      novelty: true,
    });
    expect(end.payloads).toMatchObject([{ type: 'refuse', error: { code: 'link_version' } }]);
  });

  it.each([
    [
      'an unknown type',
      'link_message_unknown',
      { kind: 'message', seq: 1, payload: { type: 'open_the_door' } },
    ],
    [
      'an unknown field',
      'link_message_unknown',
      { kind: 'message', seq: 1, payload: { type: 'ping', id: 1, more: 1 } },
    ],
    ['a gap', 'link_sequence', { kind: 'message', seq: 2, payload: { type: 'ping', id: 1 } }],
    ['an acknowledgement of what was never sent', 'link_sequence', { kind: 'ack', seq: 1 }],
    ['a second handshake', 'link_frame_invalid', { kind: 'handshake', payload: resume(1) }],
  ] as const)('refuses %s with %s', async (_, code, frame) => {
    const session = build();
    const [end, connection] = await attach(session, resume(1));
    connection.receive(encodeFrame(frame));
    expect(end.payloads.at(-1)).toMatchObject({ type: 'refuse', error: { code } });
    expect(end.closed).toBe(true);
    expect(received).toEqual([]);
    expect(errors).toMatchObject([{ code }]);
  });

  it('refuses messages before the handshake, and numbers that a cage never gave', async () => {
    const session = build();
    const end = new OtherEnd();
    session.accept(end.transport).receive(encodeFrame({ kind: 'message', seq: 1, payload: { type: 'end' } }));
    expect(end.payloads).toMatchObject([{ type: 'refuse', error: { code: 'link_frame_invalid' } }]);
    const [ahead] = await attach(session, resume(1, 5));
    expect(ahead.payloads).toMatchObject([{ type: 'refuse', error: { code: 'link_sequence' } }]);
    expect(session.epoch).toBe(0);
  });

  it('writes no more than a window to a controller that acknowledges nothing, and goes on', async () => {
    const session = build({ inFlightBytes: 10_000, droppableBytes: 30_000, totalBytes: 60_000 });
    const [end, connection] = await attach(session, resume(1));
    const kept = Array.from({ length: 100 }, () => session.send(text(1000), 'droppable'));
    expect(end.bytes).toBeLessThan(12_500);
    expect(kept.filter(Boolean).length).toBeLessThan(32);
    expect(session.session.outbox.dropped).toBe(100 - kept.filter(Boolean).length);
    const send = () => session.send(text(1000));
    expect(() => Array.from({ length: 100 }, send)).toThrow(
      expect.objectContaining({ code: 'link_backlog' }),
    );
    expect(session.session.outbox.bytes).toBeLessThan(62_000);
    const seen = () => end.frames.flatMap((frame) => (frame.kind === 'message' ? [frame.seq] : []));
    for (let last = 0; seen().at(-1) !== last;) {
      last = seen().at(-1) ?? 0;
      connection.receive(encodeFrame({ kind: 'ack', seq: last }));
    }
    expect(seen()).toEqual(Array.from({ length: session.session.outbox.last }, (_, i) => i + 1));
    expect(session.session.outbox.bytes).toBe(0);
  });

  it('has room of its own for what must arrive, where nothing else is taken any more', () => {
    const session = build({
      inFlightBytes: 10_000,
      droppableBytes: 10_000,
      totalBytes: 10_000,
      reservedBytes: 5_000,
    });
    const backlog = expect.objectContaining({ code: 'link_backlog' }) as Error;
    const many = (urgency?: 'reserved') => () =>
      Array.from({ length: 20 }, () => session.send(text(1000), urgency));
    expect(many()).toThrow(backlog);
    expect(session.send(text(1000), 'reserved')).toBe(true);
    expect(() => session.send(text(1000))).toThrow(backlog);
    expect(many('reserved')).toThrow(backlog);
    expect(session.session.outbox.bytes).toBeLessThan(17_000);
  });

  it('stops reading from a controller that sends faster than is handled', async () => {
    const blocked = Promise.withResolvers<void>();
    const session = new CageSession({
      hello: () => ({ cageId: 'cage', meterPublicKey: 'key', proof: { ok: true, checks: [] } }),
      onMessage: () => blocked.promise,
      onController: () => undefined,
    });
    const [end, connection] = await attach(session, resume(1));
    for (let seq = 1; seq <= 6; seq++) {
      connection.receive(
        encodeFrame({
          kind: 'message',
          seq,
          payload: { type: 'file', name: 'f', data: 'x'.repeat(900_000), last: false },
        }),
      );
    }
    expect(end.paused).toBe(true);
    const [again] = await attach(session, resume(1));
    expect(again.paused).toBe(true);
    blocked.resolve();
    await settled();
    expect(again.paused).toBe(false);
    expect(again.frames.at(-1)).toMatchObject({ kind: 'ack', seq: 6 });
  });
});

describe('an acknowledgement', () => {
  const pings = (first: number, last: number): Buffer =>
    Buffer.concat(
      Array.from({ length: last - first + 1 }, (_, at) =>
        encodeFrame({ kind: 'message', seq: first + at, payload: { type: 'ping', id: first + at } }),
      ),
    );
  /** A connection past its handshake, with each write as the frames that it held, and what it put off. */
  const begin = async () => {
    const writes: Frame[][] = [];
    const putOff: (() => void)[] = [];
    const decoder = new FrameDecoder();
    const session = new CageSession({
      hello: () => ({ cageId: 'cage', meterPublicKey: 'key', proof: { ok: true, checks: [] } }),
      onMessage: () => undefined,
      onController: () => undefined,
    });
    const connection = session.accept({
      ...new OtherEnd().transport,
      write: (bytes) => void writes.push([...decoder.push(bytes).frames]),
      later: (run) => void putOff.push(run),
    });
    connection.receive(encodeFrame({ kind: 'handshake', payload: resume(1) }));
    await settled();
    writes.length = 0;
    const receive = async (bytes: Buffer): Promise<void> => {
      connection.receive(bytes);
      await settled();
    };
    return { session, connection, writes, putOff, receive };
  };

  it('goes along with the answer that follows soon, in one write', async () => {
    const { session, writes, putOff, receive } = await begin();
    await receive(pings(1, 1));
    expect(writes).toEqual([]);
    session.send({ type: 'pong', id: 1 });
    for (const run of putOff) run();
    expect(writes).toMatchObject([[{ kind: 'ack', seq: 1 }, { kind: 'message' }]]);
  });

  it('goes alone after its time, for all that was handled until then', async () => {
    const { writes, putOff, receive } = await begin();
    await receive(pings(1, 1));
    await receive(pings(2, 3));
    expect(putOff).toHaveLength(1);
    putOff[0]!();
    expect(writes).toMatchObject([[{ kind: 'ack', seq: 3 }]]);
  });

  it('is not put off where many messages wait for it, nor where the connection ends', async () => {
    const { connection, writes, receive } = await begin();
    await receive(pings(1, 16));
    expect(writes).toMatchObject([[{ kind: 'ack', seq: 16 }]]);
    await receive(pings(17, 17));
    connection.close();
    expect(writes).toMatchObject([[{ kind: 'ack', seq: 16 }], [{ kind: 'ack', seq: 17 }]]);
  });
});

describe("the controller's end", () => {
  const build = (lastSeq = 0) => {
    const seen: number[] = [];
    const fatal: string[] = [];
    const session = new ControllerSession({
      epoch: 1,
      lastSeq,
      onHello: () => undefined,
      onMessage: (_message, seq) => void seen.push(seq),
      onHandlerFailed: () => undefined,
      onFatal: (error) => void fatal.push(error.code),
    });
    return { session, seen, fatal };
  };
  const hello = (numbers: { lastSeq?: number; nextSeq?: number; epoch?: number; version?: number }) =>
    encodeFrame({
      kind: 'handshake',
      payload: {
        type: 'hello',
        version: PROTOCOL.newest,
        cageId: 'c',
        epoch: 1,
        lastSeq: 0,
        nextSeq: 1,
        meterPublicKey: 'k',
        proof: { ok: true, checks: [] },
        ...numbers,
      },
    });
  const pong = (seq: number) => encodeFrame({ kind: 'message', seq, payload: { type: 'pong', id: seq } });

  it('takes a gap at its first connection for what an earlier controller handled, and a later one for a loss', () => {
    const { session, seen, fatal } = build(3);
    const first = session.connect(new OtherEnd().transport);
    first.receive(Buffer.concat([hello({ nextSeq: 6 }), pong(6)]));
    expect(seen).toEqual([6]);
    session.connect(new OtherEnd().transport).receive(hello({ nextSeq: 9 }));
    expect(fatal).toEqual(['link_sequence']);
  });

  it('tells that its epoch was used by another when the cage has handled more than it sent', () => {
    const { session, fatal } = build();
    session.connect(new OtherEnd().transport).receive(hello({ lastSeq: 1 }));
    expect(fatal).toEqual(['link_sequence']);
  });

  it.each([
    ['link_version', { version: PROTOCOL.newest + 1 }],
    ['link_sequence', { epoch: 2 }],
  ] as const)('ends with %s at a hello that does not fit', (code, numbers) => {
    const { session, fatal } = build();
    session.connect(new OtherEnd().transport).receive(hello(numbers));
    expect(fatal).toEqual([code]);
  });

  it('acknowledges what is handled, and only then', async () => {
    const gate = Promise.withResolvers<void>();
    const session = new ControllerSession({
      epoch: 1,
      lastSeq: 0,
      onHello: () => undefined,
      onMessage: () => gate.promise,
      onHandlerFailed: () => undefined,
      onFatal: () => undefined,
    });
    const end = new OtherEnd();
    session.connect(end.transport).receive(Buffer.concat([hello({}), pong(1)]));
    await settled();
    expect(end.frames.filter((frame) => frame.kind === 'ack')).toEqual([]);
    const again = new OtherEnd();
    session.connect(again.transport);
    expect(again.payloads).toMatchObject([{ type: 'resume', lastSeq: 0 }]);
    gate.resolve();
    await settled();
    expect(end.frames.at(-1)).toMatchObject({ kind: 'ack', seq: 1 });
  });
});
