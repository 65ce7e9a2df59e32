import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { attachToLink } from '../../../orchestrator/link/attach.ts';
import { startGate } from '../../support/gate.ts';
import { serveCage, subject } from '../../support/link.ts';

describe('attaching to a link', () => {
  it('is bounded in time, but the stream that comes of it is not', async () => {
    await using gate = await startGate({ limits: { offerWaitMs: 5_000 } });
    await using cage = serveCage(gate.issuer, gate.socket);
    const { signal } = new AbortController();
    const timeoutMs = 2_000;
    const attach = (cageId: string) =>
      attachToLink({
        gate: gate.tcp,
        capability: gate.issuer.controller(subject(cageId)),
        timeoutMs,
        signal,
      });
    const stream = await attach(cage.cageId);
    await expect(attach('nobody')).rejects.toMatchObject({ code: 'gate_unavailable' });
    const late = AbortSignal.timeout(timeoutMs);
    await once(late, 'abort');
    expect(stream.destroyed).toBe(false);
    stream.destroy();
  });
});
