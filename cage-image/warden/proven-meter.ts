import type { Proof } from '#protocol/link-messages.ts';
import type { CagePaths } from '../paths.ts';
import { MeterProcess, type MeterHandlers, type MeterReady } from './meter-process.ts';
import type { ProofSubject } from './proof/prove.ts';

/** A meter that is ready for a key, with the proof of whether it may get one. */
export interface ProvenMeter {
  readonly process: MeterProcess;
  readonly ready: MeterReady;
  readonly proof: Proof;
}

const READY_WITHIN_MS = 20_000;

/** Starts a meter, with a key pair of its own, and proves the cage around it. Errors: `meter_failed` where it ends or does not get ready. */
export async function startProvenMeter(
  paths: CagePaths,
  proxyPort: number,
  prove: (subject: ProofSubject) => Promise<Proof>,
  handlers: MeterHandlers,
  pulseMs: number,
): Promise<ProvenMeter> {
  const meter = MeterProcess.start(paths, handlers, pulseMs);
  const late = setTimeout(() => void meter.kill(), READY_WITHIN_MS);
  try {
    const proof = await prove({ meterPid: meter.pid, meterReady: meter.ready, proxyPort });
    return { process: meter, ready: await meter.ready, proof };
  } catch (error) {
    await meter.kill();
    throw error;
  } finally {
    clearTimeout(late);
  }
}
