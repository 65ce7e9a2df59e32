import { createHash, randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CodedError } from '#errors/coded-error.ts';
import { type CageEnded, type CageSpec, DEFAULT_RESOURCES, type Runtime } from '#runtime/runtime.ts';

/** What the suite needs of an implementation besides the port. */
export interface RuntimeHarness extends AsyncDisposable {
  /** Prepared. */
  readonly runtime: Runtime;
  readonly image: string;
  /** Another controller of the same installation. */
  sibling(): Runtime;
  /** Another installation on the same engine; not prepared. */
  stranger(): Runtime;
  /** A runtime whose engine does not answer. */
  gone(): Runtime;
  /** Resolves with what the cage got on stdin, once it has read that to the end. */
  received(cageId: string): Promise<{ bytes: number; sha256: string }>;
  /** A container of this cage's name that is not this installation's: of nobody, or of another. Returns its state of now. */
  plantForeign(cageId: string, owner: string | undefined): Promise<() => Promise<unknown>>;
  /** What a crash between creation and start leaves. */
  leaveUnstarted(cageId: string): Promise<void>;
  killGate(): Promise<void>;
  /** Does that to a running cage, behind the runtime's back. */
  bring(cageId: string, to: 'paused' | 'frozen' | 'stopped'): Promise<void>;
}

/** What the cage does after it has reported its bootstrap; nothing means that it stays. */
export type Next = { readonly exit: number } | { readonly hog: true };

const newId = (): string => `c${randomBytes(4).toString('hex')}`;
export const bootstrapFor = (cageId: string, next?: Next): Uint8Array =>
  Buffer.from(JSON.stringify({ cageId, next, secret: randomBytes(32).toString('base64') }));

const failure = (promise: Promise<unknown>): Promise<CodedError> =>
  promise.then(
    () => expect.unreachable('it should have failed'),
    (error: unknown) =>
      error instanceof CodedError ? error : expect.unreachable(`not coded: ${String(error)}`),
  );

/** What every runtime promises behind the port. */
export function runtimeContract(name: string, open: () => Promise<RuntimeHarness>): void {
  describe(`runtime ${name}`, () => {
    let harness: RuntimeHarness;
    let runtime: Runtime;
    const spec = (cageId: string): CageSpec => ({
      cageId,
      image: harness.image,
      resources: DEFAULT_RESOURCES,
    });
    const create = (cageId: string, next?: Next) => runtime.create(spec(cageId), bootstrapFor(cageId, next));

    beforeAll(async () => {
      harness = await open();
      runtime = harness.runtime;
    });
    afterAll(() => harness?.[Symbol.asyncDispose]());

    test('a cage gets its bootstrap as one line, once, and then the end of stdin', async () => {
      const cageId = newId();
      const bootstrap = bootstrapFor(cageId);
      const { cage, created } = await runtime.create(spec(cageId), bootstrap);
      expect({ created, state: cage.state, cageId: cage.cageId }).toEqual({
        created: true,
        state: 'running',
        cageId,
      });
      const line = Buffer.concat([bootstrap, Buffer.from('\n')]);
      expect(await harness.received(cageId)).toMatchObject({
        bytes: line.length,
        sha256: createHash('sha256').update(line).digest('hex'),
      });
    });

    test('a bootstrap of a megabyte arrives whole', async () => {
      const cageId = newId();
      const bootstrap = Buffer.from(JSON.stringify({ cageId, filling: 'x'.repeat(1024 * 1024) }));
      await runtime.create(spec(cageId), bootstrap);
      expect(await harness.received(cageId)).toMatchObject({ bytes: bootstrap.length + 1 });
    });

    test('creating a cage that is there returns it as it is', async () => {
      const cageId = newId();
      const first = await create(cageId);
      const received = await harness.received(cageId);
      const second = await harness.sibling().create(spec(cageId), bootstrapFor(cageId));
      expect(second).toEqual({ cage: first.cage, created: false });
      expect(await harness.received(cageId)).toEqual(received);
      expect((await runtime.list()).filter((cage) => cage.cageId === cageId)).toHaveLength(1);
    });

    test('creating a cage that has ended returns it ended', async () => {
      const cageId = newId();
      await create(cageId, { exit: 7 });
      await expect.poll(() => runtime.inspect(cageId)).toMatchObject({ state: 'exited', exitCode: 7 });
      expect(await create(cageId)).toMatchObject({ cage: { state: 'exited', exitCode: 7 }, created: false });
    });

    test('of several who create one cage at the same time exactly one makes it', async () => {
      const cageId = newId();
      const sibling = harness.sibling();
      const all = await Promise.all(
        [runtime, sibling, runtime, sibling].map((one) => one.create(spec(cageId), bootstrapFor(cageId))),
      );
      expect(all.filter(({ created }) => created)).toHaveLength(1);
      expect(all.map(({ cage }) => cage.state)).toEqual(all.map(() => 'running'));
    });

    test('a cage that was made and never started is made anew, with its bootstrap', async () => {
      const cageId = newId();
      await harness.leaveUnstarted(cageId);
      const bootstrap = bootstrapFor(cageId);
      expect(await runtime.create(spec(cageId), bootstrap)).toMatchObject({
        cage: { state: 'running' },
        created: true,
      });
      expect(await harness.received(cageId)).toMatchObject({ bytes: bootstrap.length + 1 });
    });

    test('the list has all cages of the installation and no others', async () => {
      const [running, ended] = [newId(), newId()];
      await create(running);
      await create(ended, { exit: 0 });
      await expect.poll(() => runtime.inspect(ended)).toMatchObject({ state: 'exited' });
      const listed = await runtime.list();
      expect(listed).toContainEqual(expect.objectContaining({ cageId: running, state: 'running' }));
      expect(listed).toContainEqual(expect.objectContaining({ cageId: ended, state: 'exited', exitCode: 0 }));
      expect(await harness.stranger().list()).toEqual([]);
    });

    test('another installation neither sees a cage nor ends it', async () => {
      const cageId = newId();
      await create(cageId);
      const stranger = harness.stranger();
      expect(await stranger.inspect(cageId)).toBeUndefined();
      await stranger.destroy(cageId);
      expect(await runtime.inspect(cageId)).toMatchObject({ state: 'running' });
    });

    test('inspecting tells when the cage was made, and nothing of a cage that is not there', async () => {
      const before = Date.now();
      const cageId = newId();
      await create(cageId);
      const cage = await runtime.inspect(cageId);
      expect(cage?.createdAtMs).toBeGreaterThanOrEqual(before - 1000);
      expect(cage?.createdAtMs).toBeLessThanOrEqual(Date.now() + 1000);
      expect(cage).not.toHaveProperty('exitCode');
      expect(await runtime.inspect(newId())).toBeUndefined();
    });

    test('a destroyed cage is gone, and destroying it again is no error', async () => {
      const cageId = newId();
      await create(cageId);
      await runtime.destroy(cageId);
      expect(await runtime.inspect(cageId)).toBeUndefined();
      expect((await runtime.list()).map((cage) => cage.cageId)).not.toContain(cageId);
      await runtime.destroy(cageId);
    });

    test.each(['paused', 'frozen', 'stopped'] as const)(
      'a cage that was %s is seen to be so, and can be destroyed',
      async (condition) => {
        const cageId = newId();
        await create(cageId);
        await harness.received(cageId);
        expect(await runtime.diagnose(cageId)).toBe('running');
        await harness.bring(cageId, condition);
        await expect.poll(() => runtime.diagnose(cageId)).toBe(condition);
        expect(await harness.stranger().diagnose(cageId)).toBe('gone');
        await runtime.destroy(cageId);
        expect(await runtime.inspect(cageId)).toBeUndefined();
        expect(await runtime.diagnose(cageId)).toBe('gone');
      },
    );

    test('several may destroy one cage at the same time', async () => {
      const cageId = newId();
      await create(cageId);
      const sibling = harness.sibling();
      await Promise.all([runtime, sibling, runtime, sibling].map((one) => one.destroy(cageId)));
      expect(await runtime.inspect(cageId)).toBeUndefined();
    });

    test('a name is free again once its cage is destroyed', async () => {
      const cageId = newId();
      await create(cageId);
      await runtime.destroy(cageId);
      expect(await create(cageId)).toMatchObject({ created: true });
    });

    test.each([
      ['nobody', undefined],
      ['another installation', 'somebody-else'],
    ])('a container of that name which belongs to %s is never touched', async (_whose, owner) => {
      const cageId = newId();
      const state = await harness.plantForeign(cageId, owner);
      const before = await state();
      expect(await failure(create(cageId))).toMatchObject({ code: 'cage_foreign', verdict: 'final' });
      expect(await runtime.inspect(cageId)).toBeUndefined();
      expect((await runtime.list()).map((cage) => cage.cageId)).not.toContain(cageId);
      await runtime.destroy(cageId);
      expect(await state()).toEqual(before);
    });

    test('ends of cages are told as they happen, with code and lack of memory', async () => {
      const stop = new AbortController();
      const [exits, hogs, destroyed] = [newId(), newId(), newId()];
      const ends = collect(runtime.events(stop.signal));
      await create(exits, { exit: 5 });
      await create(hogs, { hog: true });
      await create(destroyed);
      await runtime.destroy(destroyed);
      await expect
        .poll(() => ends.seen.get(exits))
        .toEqual({ cageId: exits, exitCode: 5, outOfMemory: false });
      await expect
        .poll(() => ends.seen.get(hogs))
        .toEqual({ cageId: hogs, exitCode: 137, outOfMemory: true });
      await expect
        .poll(() => ends.seen.get(destroyed))
        .toEqual({ cageId: destroyed, exitCode: 137, outOfMemory: false });
      stop.abort();
      await ends.over;
    });

    test('events end with the signal and with the runtime', async () => {
      const stop = new AbortController();
      const sibling = harness.sibling();
      const both = [
        collect(runtime.events(stop.signal)),
        collect(sibling.events(new AbortController().signal)),
      ];
      stop.abort();
      await sibling.close();
      await Promise.all(both.map(({ over }) => over));
    });

    test('an aborted creation leaves nothing behind', async () => {
      const cageId = newId();
      const given = new AbortController();
      const creating = failure(runtime.create(spec(cageId), bootstrapFor(cageId), given.signal));
      given.abort(new CodedError('task_cancelled'));
      expect(await creating).toMatchObject({ code: 'task_cancelled' });
      expect(await runtime.inspect(cageId)).toBeUndefined();
    });

    test('a call that its caller gave up before fails with a code and does nothing', async () => {
      const cageId = newId();
      await create(cageId);
      expect(await failure(runtime.destroy(cageId, AbortSignal.abort()))).toMatchObject({
        code: 'runtime_aborted',
      });
      expect(await runtime.inspect(cageId)).toMatchObject({ state: 'running' });
    });

    test.each(['../../info', 'a/b', '', 'x?force=1', 'ä', 'y'.repeat(64)])(
      'the name %j is refused',
      async (cageId) => {
        expect(await failure(create(cageId))).toMatchObject({ code: 'runtime_refused', verdict: 'final' });
        expect(await failure(runtime.inspect(cageId))).toMatchObject({ code: 'runtime_refused' });
        expect(await failure(runtime.destroy(cageId))).toMatchObject({ code: 'runtime_refused' });
      },
    );

    test('an engine that does not answer gives a coded error that may be tried again', async () => {
      const gone = harness.gone();
      const calls = [
        gone.prepare(),
        gone.gateAlive(),
        gone.create(spec('c1'), bootstrapFor('c1')),
        gone.inspect('c1'),
        gone.diagnose('c1'),
        gone.list(),
        gone.layOver('any:1'),
        gone.destroy('c1'),
        gone.teardown(),
      ];
      for (const call of calls.map(failure)) {
        expect(await call).toMatchObject({ code: 'runtime_unavailable', verdict: 'retryable' });
      }
    });

    test('ours cannot be laid over an image that is not to be had, and a code says so', async () => {
      for (const image of ['missing.invalid/image:1', 'missing image'])
        expect(await failure(runtime.layOver(image))).toMatchObject({
          code: 'agent_image_unusable',
          verdict: 'final',
          details: { image, reason: expect.any(String) },
        });
    });

    test('where the gate is can be asked after prepare only', async () => {
      expect(() => harness.sibling().gate()).toThrowError(
        expect.objectContaining({ code: 'gate_unavailable' }),
      );
      expect(runtime.gate()).toEqual({ controller: expect.any(Object), cage: expect.any(Object) });
    });

    test('a gate that was killed is brought back by prepare, at the same place', async () => {
      const place = runtime.gate();
      expect(await runtime.gateAlive()).toBe(true);
      await harness.killGate();
      expect(await runtime.gateAlive()).toBe(false);
      await runtime.prepare();
      expect(await runtime.gateAlive()).toBe(true);
      expect(runtime.gate()).toEqual(place);
    });

    test('teardown takes the gate away, twice without error, and prepare brings it back', async () => {
      for (const { cageId } of await runtime.list()) await runtime.destroy(cageId);
      await runtime.teardown();
      await runtime.teardown();
      expect(await runtime.gateAlive()).toBe(false);
      expect(() => runtime.gate()).toThrowError(expect.objectContaining({ code: 'gate_unavailable' }));
      await runtime.prepare();
      expect(await runtime.gateAlive()).toBe(true);
    });
  });
}

function collect(events: AsyncIterable<CageEnded>): { seen: Map<string, CageEnded>; over: Promise<void> } {
  const seen = new Map<string, CageEnded>();
  const over = (async () => {
    for await (const ended of events) seen.set(ended.cageId, ended);
  })();
  return { seen, over };
}
