import type { GateAddress } from '#protocol/bootstrap.ts';
import type { Proof } from '#protocol/link-messages.ts';
import type { CagePaths } from '../../paths.ts';
import type { MeterReady } from '../meter-process.ts';
import { probeAsAgent } from './agent-probe.ts';
import type { Check } from './check.ts';
import { binariesUnreadable, installationUnwritable } from './installation.ts';
import {
  coreDumpsOff,
  networkClosed,
  noCapabilities,
  noNewPrivileges,
  onlyOurPorts,
  rootReadOnly,
  signalsHarmless,
} from './kernel.ts';
import { onlyOwnCode } from './own-code.ts';

export interface ProofSubject {
  readonly meterPid: number;
  readonly meterReady: Promise<MeterReady>;
  readonly proxyPort: number;
}

/**
 * Proves that the agent of this cage will not be able to read PID 1, the warden or the meter: a child of the agent's kind tries, and what the kernel
 * would have to allow for it is looked up. A check that cannot be carried out has failed. Takes some tens of milliseconds, mostly while the meter starts.
 */
export async function prove(paths: CagePaths, gate: GateAddress, subject: ProofSubject): Promise<Proof> {
  const protectedPids = { init: 1, warden: process.pid, meter: subject.meterPid };
  const probes = probeAsAgent(protectedPids, paths.probeShell);
  const now = [
    check('binaries_unreadable', () => binariesUnreadable(paths)),
    check('installation_unwritable', () => installationUnwritable(paths)),
    check('only_own_code', () => onlyOwnCode(paths)),
    check('no_new_privileges', () => noNewPrivileges()),
    check('no_capabilities', () => noCapabilities()),
    check('core_dumps_off', () => coreDumpsOff()),
    check('root_read_only', () => rootReadOnly()),
    check('network_closed', () => networkClosed(gate)),
  ];
  const { port } = await subject.meterReady;
  const later = [
    check('signals_harmless', () => signalsHarmless(Object.values(protectedPids))),
    check('only_our_ports', () => onlyOurPorts([port, subject.proxyPort])),
  ];
  const checks = [...now, ...(await probes), ...later];
  return { ok: checks.every((each) => each.ok), checks };
}

/** `look` gives the reason for which the check fails, or nothing. */
function check(name: string, look: () => string | undefined): Check {
  try {
    const reason = look();
    return reason === undefined ? { name, ok: true } : { name, ok: false, reason };
  } catch (error) {
    return {
      name,
      ok: false,
      reason: `could not be looked at: ${(error as NodeJS.ErrnoException).code ?? 'error'}`,
    };
  }
}
