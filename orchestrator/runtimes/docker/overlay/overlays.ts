import { PassThrough, type Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type Docker from 'dockerode';
import { CodedError } from '#errors/coded-error.ts';
import { withDeadline } from '../../deadline.ts';
import { type Engine, unless } from '../engine.ts';
import { removeContainer } from '../remove.ts';
import { LABEL_INSTALL } from '../spec.ts';
import { ContainerFiles } from './container-files.ts';
import { findImage, unusable } from './foreign-image.ts';
import {
  configurationProblem,
  differences,
  hasVolumes,
  INSTALLATION,
  labelProblem,
  LABEL_OVERLAY,
  overlayChanges,
  overlayContainer,
  overlayFiles,
  overlayName,
  PLAIN_FOLDERS,
  platformProblem,
  type ImageFacts,
} from './overlay-spec.ts';
import { contentsOf, tarOf } from './tar.ts';

/** Lays the files of the cage's image over images that others made. Nothing of those is run for it, and no builder is needed. */
export class Overlays {
  readonly #engine: Engine;
  readonly #install: string;
  readonly #cageImage: string;
  readonly #making = new Map<string, Promise<string>>();

  constructor(engine: Engine, install: string, cageImage: string) {
    this.#engine = engine;
    this.#install = install;
    this.#cageImage = cageImage;
  }

  /** See `Runtime.layOver`. */
  async layOver(image: string, signal: AbortSignal | undefined): Promise<string> {
    const ours = await this.#ours(signal);
    const foreign = await findImage(this.#engine, image, signal);
    if (foreign.Id === ours.Id) return this.#cageImage;
    const problem = platformProblem(ours, foreign) ?? labelProblem(foreign);
    if (problem) throw unusable(image, problem);
    const name = overlayName(ours, foreign);
    // Not tied to the caller's signal: others may wait for the same, and what is begun is of use the next time.
    const making = this.#making.get(name) ?? this.#make(image, name, ours, foreign);
    this.#making.set(name, making);
    making.then(
      () => this.#making.delete(name),
      () => this.#making.delete(name),
    );
    return withDeadline('layOver', this.#engine.timeouts.actMs, signal, () => making);
  }

  async #ours(signal: AbortSignal | undefined): Promise<Docker.ImageInspectInfo> {
    const ours = await this.#known(this.#cageImage, signal);
    if (!ours) throw new CodedError('image_missing', { image: this.#cageImage });
    return ours;
  }

  #known(image: string, signal: AbortSignal | undefined): Promise<Docker.ImageInspectInfo | undefined> {
    return this.#engine.ask('image', signal, (docker) => docker.getImage(image).inspect().catch(unless(404)));
  }

  async #make(image: string, name: string, ours: ImageFacts, foreign: ImageFacts): Promise<string> {
    if (await this.#known(name, undefined)) return name;
    try {
      return await this.#inContainer(overlayContainer(ours, foreign, this.#install), async (id, files) => {
        await requirePlain(image, files);
        if (await files.kind(INSTALLATION, undefined)) return await this.#asItIs(image, ours, foreign, files);
        await this.#copy(ours, files);
        await files.write('/', tarOf(overlayFiles(foreign)), undefined);
        await (hasVolumes(foreign)
          ? this.#flatten(id, name, overlayChanges(ours, foreign))
          : this.#commit(id, name));
        return name;
      });
    } catch (error) {
      if (error instanceof CodedError && error.code === 'runtime_refused')
        throw unusable(image, String(error.details?.['reason'] ?? error.message), error);
      throw error;
    }
  }

  /** An image that was built with our files in it is run as it is, if they are ours to the last bit. */
  async #asItIs(
    image: string,
    ours: ImageFacts,
    foreign: ImageFacts,
    files: ContainerFiles,
  ): Promise<string> {
    const [own, theirs] = await Promise.all([
      this.#inContainer(sourceOf(ours, this.#install), (_id, source) => contents(source)),
      contents(files),
    ]);
    const different = differences(own, theirs);
    if (different.length > 0)
      throw unusable(
        image,
        `Its ${INSTALLATION} is not that of ${this.#cageImage} (${different.slice(0, 3).join(', ')}): build it with COPY --from=${this.#cageImage}, or leave ${INSTALLATION} out.`,
      );
    const problem = configurationProblem(ours, foreign);
    if (problem) throw unusable(image, problem);
    return foreign.Id;
  }

  /** From one container to the other, through us: both ends are the engine's. */
  #copy(ours: ImageFacts, target: ContainerFiles): Promise<void> {
    return this.#inContainer(sourceOf(ours, this.#install), async (_id, source) => {
      await target.write('/', tarOf([{ path: 'opt', mode: 0o755, owner: 0 }]), undefined);
      await source.read(INSTALLATION, undefined, async (archive) => {
        const through = new PassThrough();
        await Promise.all([pipeline(archive, through), target.write('/opt', through, undefined)]);
      });
    });
  }

  async #commit(id: string, name: string): Promise<void> {
    const [repo, tag] = name.split(':');
    const query = { _query: { container: id, repo, tag, pause: false }, _body: {} };
    await this.#engine.act('commit', undefined, (docker) => docker.getContainer(id).commit(query));
  }

  async #flatten(id: string, name: string, changes: readonly string[]): Promise<void> {
    const [repo, tag] = name.split(':');
    await this.#engine.act('import', undefined, async (docker) => {
      const root = await docker.getContainer(id).export();
      const options = { repo, tag, changes } as unknown as { repo: string; tag: string };
      const progress = await docker.importImage(root, options);
      await new Promise<void>((resolve, reject) =>
        docker.modem.followProgress(progress, (error: Error | null) => (error ? reject(error) : resolve())),
      );
    });
  }

  /** A container that is never started, for as long as `use` needs it. */
  async #inContainer<T>(
    options: Docker.ContainerCreateOptions,
    use: (id: string, files: ContainerFiles) => Promise<T>,
  ): Promise<T> {
    const { id } = await this.#engine.act('create', undefined, (docker) => docker.createContainer(options));
    try {
      return await use(id, new ContainerFiles(this.#engine, id));
    } finally {
      await removeContainer(this.#engine, id).catch(() => undefined);
    }
  }
}

const contents = (files: ContainerFiles): Promise<Map<string, string>> =>
  files.read(INSTALLATION, undefined, (archive: Readable) => contentsOf(archive));

const sourceOf = (ours: ImageFacts, install: string): Docker.ContainerCreateOptions => ({
  Image: ours.Id,
  Labels: { [LABEL_INSTALL]: install, [LABEL_OVERLAY]: ours.Id },
  HostConfig: { NetworkMode: 'none', LogConfig: { Type: 'none', Config: {} } },
});

async function requirePlain(image: string, files: ContainerFiles): Promise<void> {
  for (const folder of PLAIN_FOLDERS) {
    const kind = await files.kind(folder, undefined);
    if (kind !== undefined && kind !== 'folder')
      throw unusable(image, `Its ${folder} is not an ordinary folder: a cage mounts there.`);
  }
}
