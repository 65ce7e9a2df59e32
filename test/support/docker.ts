import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import Docker from 'dockerode';
import type { Runtime } from '#runtime/runtime.ts';
import { DockerRuntime, type DockerRuntimeOptions } from '../../orchestrator/runtimes/docker/index.ts';
import { LABEL_INSTALL } from '../../orchestrator/runtimes/docker/spec.ts';
import { scratchImage } from './scratch-image.ts';

const PREFIX = 'test-';
const STALE_MS = 60 * 60 * 1000;
/** A gate is up when it is: a busy machine takes longer than the 10 s that are usual. */
const GATE_HEALTHY_MS = 45_000;

/** An installation for one test file on the engine that is there; disposing of it removes every container and volume with its label. */
export interface TestInstall extends AsyncDisposable {
  readonly id: string;
  readonly docker: Docker;
  /** Serves as cage and as gate. */
  readonly image: string;
  readonly gatePublicKeyPem: string;
  /** Not prepared yet; closed with the installation. */
  runtime(overrides?: Partial<DockerRuntimeOptions>): DockerRuntime;
}

export async function testInstall(): Promise<TestInstall> {
  const docker = new Docker();
  await removeStale(docker);
  const id = `${PREFIX}${randomBytes(5).toString('hex')}`;
  const image = await scratchImage();
  const { publicKey } = generateKeyPairSync('ed25519');
  const gatePublicKeyPem = publicKey.export({ type: 'spki', format: 'pem' }) as string;
  const runtimes: DockerRuntime[] = [];
  return {
    id,
    docker,
    image,
    gatePublicKeyPem,
    runtime(overrides = {}) {
      const images = { cage: image, gate: image };
      const runtime = new DockerRuntime({
        install: id,
        images,
        gatePublicKeyPem,
        gateAllowHosts: [],
        ...overrides,
        timeouts: { gateHealthyMs: GATE_HEALTHY_MS, ...overrides.timeouts },
      });
      runtimes.push(runtime);
      return runtime;
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(runtimes.map((runtime) => runtime.close()));
      await removeInstall(docker, id);
    },
  };
}

/** Removes all containers and volumes of the installation. */
export async function removeInstall(docker: Docker, install: string): Promise<void> {
  const filters = { label: [`${LABEL_INSTALL}=${install}`] };
  const containers = await docker.listContainers({ all: true, filters });
  await Promise.all(
    containers.map(({ Id }) => docker.getContainer(Id).remove({ force: true, v: true }).catch(goneIsFine)),
  );
  const { Volumes: volumes } = await docker.listVolumes({ filters });
  await Promise.all((volumes ?? []).map(({ Name }) => docker.getVolume(Name).remove().catch(goneIsFine)));
}

/** What a run that was killed left behind. */
async function removeStale(docker: Docker): Promise<void> {
  const containers = await docker.listContainers({ all: true, filters: { label: [LABEL_INSTALL] } });
  const stale = containers.filter(
    ({ Labels, Created }) =>
      Labels[LABEL_INSTALL]?.startsWith(PREFIX) && Date.now() - Created * 1000 > STALE_MS,
  );
  for (const install of new Set(stale.map(({ Labels }) => Labels[LABEL_INSTALL]!)))
    await removeInstall(docker, install);
}

function goneIsFine(error: unknown): void {
  const status = (error as { statusCode?: number }).statusCode;
  if (status !== 404 && status !== 409) throw error;
}

/** What a cage of the scratch image reported of its bootstrap through the gate; waits until it has. */
export async function reportOf(
  runtime: Runtime,
  cageId: string,
): Promise<{ bytes: number; sha256: string; env: Record<string, string> }> {
  const { controller } = runtime.gate();
  if (!('port' in controller)) throw new Error('the gate of the tests is reached over TCP');
  const answer = await fetch(`http://${controller.host}:${controller.port}/reports/${cageId}`, {
    signal: AbortSignal.timeout(20_000),
  });
  return (await answer.json()) as { bytes: number; sha256: string; env: Record<string, string> };
}

/**
 * Runs JavaScript in a container of the scratch image, as the user and with the rights that its processes have, and returns what the script
 * resolves to. The script is the body of an async function.
 */
export async function evaluateIn(docker: Docker, container: string, script: string): Promise<unknown> {
  const program = `(async () => {${script}})().then((value) => process.stdout.write(JSON.stringify(value ?? null)))`;
  const exec = await docker
    .getContainer(container)
    .exec({ Cmd: ['/bin/node', '-e', program], AttachStdout: true, AttachStderr: true });
  const stream = await exec.start({});
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  docker.modem.demuxStream(stream, stdout, stderr);
  stream.on('end', () => (stdout.end(), stderr.end()));
  const [out, errors] = await Promise.all([text(stdout), text(stderr)]);
  if (out === '') throw new Error(`the script in ${container} said nothing: ${errors}`);
  return JSON.parse(out);
}
