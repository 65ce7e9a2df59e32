import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import Docker from 'dockerode';
import { imageTags } from '../ops/image-tags.ts';
import { TestService } from '../test/support/service.ts';
import { report } from './report.ts';

/**
 * What an idle cage (tini, warden, meter) holds of the machine's memory, as the kernel shares it out (PSS: proportional set size), against a bare
 * container of the same image with one idle Node. Several of each, since what they share is shared among all. `node bench/memory.ts`
 */
const EACH = 4;
const docker = new Docker();

await using service = await TestService.start();
for (let at = 0; at < EACH; at++) await service.claw(`bench-${at}`);
const label = `clawcage.install=${service.install}`;
const cages = async () =>
  (await docker.listContainers({ filters: { label: [label] } })).filter((it) => it.Labels['clawcage.cage']);
await service.until(async () => (await cages()).length === EACH, 'the warm cages');
const bare = await Promise.all(Array.from({ length: EACH }, startBare));
try {
  const ours = (await cages()).map(({ Id }) => pssMiB(Id));
  const theirs = bare.map(({ id }) => pssMiB(id));
  const mean = (values: readonly number[]): number => values.reduce((sum, it) => sum + it, 0) / values.length;
  report([
    {
      what: 'memory of an idle cage (PSS)',
      ours: mean(ours),
      unit: 'MiB',
      peer: { name: 'a bare container with an idle Node', value: mean(theirs) },
    },
  ]);
} finally {
  for (const container of bare) await container.remove({ force: true });
}

async function startBare(): Promise<Docker.Container> {
  const container = await docker.createContainer({
    Image: imageTags().cage,
    Entrypoint: ['/usr/local/bin/node', '-e', 'setInterval(() => {}, 60000)'],
    Labels: { 'clawcage.install': service.install },
    HostConfig: { NetworkMode: 'none' },
  });
  await container.start();
  return container;
}

/** Of all processes of a container, in MiB; asks the kernel, so it wants root. */
function pssMiB(id: string): number {
  const pids = execFileSync('docker', ['top', id, '-eo', 'pid']).toString().trim().split('\n').slice(1);
  const kib = pids.map((pid) =>
    Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid.trim()}/smaps_rollup`, 'utf8'))?.[1] ?? 0),
  );
  return kib.reduce((sum, it) => sum + it, 0) / 1024;
}
