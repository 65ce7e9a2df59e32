import { createHash } from 'node:crypto';
import type Docker from 'dockerode';
import { LABEL_CAGE, LABEL_GATE, LABEL_INSTALL } from '../spec.ts';
import type { NewEntry } from './tar.ts';

export const INSTALLATION = '/opt/clawcage';
const ENVIRONMENT_FILE = 'image-env.json';
export const LABEL_OVERLAY = 'clawcage.overlay';

/** By which `make setup` knows what an earlier version of ours was laid over. */
const LABEL_CAGE_IMAGE = 'clawcage.cage-image';

/** Counts up where what is made of the same two images changes. */
const RECIPE = 1;

export type ImageFacts = Pick<Docker.ImageInspectInfo, 'Id' | 'Os' | 'Architecture'> & {
  readonly Config: Partial<Docker.ImageInspectInfo['Config']> | null;
};

/** The name of the image that ours laid over `foreign` makes: the same two always make the same. */
export function overlayName(ours: ImageFacts, foreign: ImageFacts): string {
  const hash = createHash('sha256').update(JSON.stringify([RECIPE, ours.Id, foreign.Id]));
  return `clawcage-agent:${hash.digest('hex').slice(0, 16)}`;
}

/** Why `foreign` cannot run beside ours, for people; undefined where it can. */
export function platformProblem(ours: ImageFacts, foreign: ImageFacts): string | undefined {
  const [wanted, has] = [ours, foreign].map(({ Os, Architecture }) => `${Os}/${Architecture}`);
  return wanted === has ? undefined : `It is made for ${has}, this engine runs ${wanted}.`;
}

/** Why `foreign` would be taken for something that it is not, for people: a container bears the labels of its image, by which ours are found. */
export function labelProblem({ Config }: ImageFacts): string | undefined {
  const borrowed = [LABEL_CAGE, LABEL_GATE].find((label) => label in (Config?.Labels ?? {}));
  return borrowed && `It bears the label ${borrowed}, which is for containers of ours: build it without.`;
}

/** The folders of a cage that lie outside ours, and its own: a link in their place would lead what is mounted there somewhere else. */
export const PLAIN_FOLDERS = ['/opt', '/work', '/run', '/run/gate', '/run/clawcage', '/tmp'] as const;

/**
 * The container whose configuration the new image takes: entry point, user and the rest are ours, whatever `foreign` says. What `foreign` puts into the environment stays in the
 * image's configuration, but the entry point passes none of it on.
 */
export function overlayContainer(
  ours: ImageFacts,
  foreign: ImageFacts,
  install: string,
): Docker.ContainerCreateOptions {
  return {
    Image: foreign.Id,
    ...configuration(ours),
    Labels: {
      [LABEL_INSTALL]: install,
      [LABEL_OVERLAY]: foreign.Id,
      [LABEL_CAGE_IMAGE]: ours.Id,
      'clawcage.image': 'agent',
    },
    HostConfig: { NetworkMode: 'none', LogConfig: { Type: 'none', Config: {} } },
  };
}

function configuration(ours: ImageFacts) {
  return {
    Entrypoint: [...entrypoint(ours)],
    Cmd: [],
    User: ours.Config?.User ?? '',
    WorkingDir: '/work',
    StopSignal: 'SIGTERM',
    Healthcheck: { Test: ['NONE'] },
  };
}

const entrypoint = ({ Config }: ImageFacts): readonly string[] => [Config?.Entrypoint ?? []].flat();

/** The same configuration in the words of `docker import --change`, for an image that is made without that of `foreign`. */
export function overlayChanges(ours: ImageFacts, foreign: ImageFacts): string[] {
  return [
    `ENTRYPOINT ${JSON.stringify(entrypoint(ours))}`,
    `USER ${ours.Config?.User ?? ''}`,
    'WORKDIR /work',
    'LABEL clawcage.image=agent',
    `LABEL ${LABEL_OVERLAY}=${foreign.Id}`,
    `LABEL ${LABEL_CAGE_IMAGE}=${ours.Id}`,
  ];
}

/** Volumes of an image's own would be places to write on the engine's disk without a limit, and no later layer can take them back. */
export const hasVolumes = ({ Config }: ImageFacts): boolean => Object.keys(Config?.Volumes ?? {}).length > 0;

/** Why an image that holds our files already may not be run as it is, for people; undefined where it may. */
export function configurationProblem(ours: ImageFacts, foreign: ImageFacts): string | undefined {
  const wanted = JSON.stringify(entrypoint(ours));
  if (JSON.stringify(entrypoint(foreign)) !== wanted)
    return `Its Dockerfile has to end with ENTRYPOINT ${wanted}.`;
  if ([foreign.Config?.Cmd ?? []].flat().length > 0) return 'Its Dockerfile may not set CMD.';
  if (hasVolumes(foreign)) return 'Its Dockerfile may not declare a VOLUME.';
  return undefined;
}

/** What of `foreign` has to lie beside our files: places to mount at, and its environment for the agent alone. */
export function overlayFiles(foreign: ImageFacts): NewEntry[] {
  const environment = Object.fromEntries(
    (foreign.Config?.Env ?? []).map((line) => {
      const end = line.indexOf('=');
      return end === -1 ? [line, ''] : [line.slice(0, end), line.slice(end + 1)];
    }),
  );
  return [
    { path: 'work', mode: 0o700, owner: 10001 },
    { path: 'run', mode: 0o755, owner: 0 },
    { path: 'run/gate', mode: 0o755, owner: 10001 },
    { path: 'run/clawcage', mode: 0o700, owner: 10001 },
    { path: 'opt', mode: 0o755, owner: 0 },
    { path: 'opt/clawcage', mode: 0o755, owner: 0 },
    {
      path: `opt/clawcage/${ENVIRONMENT_FILE}`,
      mode: 0o644,
      owner: 0,
      content: Buffer.from(JSON.stringify(environment)),
    },
  ];
}

/** Which paths of our folder an image has otherwise than ours, or beside it; its environment is its own matter, as long as it is an ordinary file. */
export function differences(
  ours: ReadonlyMap<string, string>,
  theirs: ReadonlyMap<string, string>,
): string[] {
  const paths = new Set([...ours.keys(), ...theirs.keys()]);
  const own = `clawcage/${ENVIRONMENT_FILE}`;
  return [...paths].filter((path) => {
    if (path === own) return (JSON.parse(theirs.get(path) ?? '["0"]') as string[])[0] !== '0';
    return ours.get(path) !== theirs.get(path);
  });
}
