import { spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import Docker from 'dockerode';

/** The engine that DOCKER_HOST names, or the one at the default socket. */
export const engine = new Docker();

interface BuildEvent {
  readonly stream?: string;
  readonly status?: string;
  readonly id?: string;
  readonly error?: string;
}

const TAIL_LINES = 40;

/** Waits for the end of what the engine streams; an error in it is thrown with the last lines that came before. */
export async function follow(stream: NodeJS.ReadableStream): Promise<void> {
  const said: string[] = [];
  await new Promise<void>((resolve, reject) => {
    let failure: string | undefined;
    const end = (error: Error | null) => {
      const reason = error?.message ?? failure;
      if (reason === undefined) resolve();
      else reject(new Error([...said, reason].slice(-TAIL_LINES).join('\n')));
    };
    engine.modem.followProgress(stream, end, (event: BuildEvent) => {
      failure = event.error ?? failure;
      if (event.stream?.trim()) said.push(event.stream.trimEnd());
      if (event.status && event.id === undefined) said.push(event.status);
    });
  });
}

export async function hasImage(reference: string): Promise<boolean> {
  try {
    await engine.getImage(reference).inspect();
    return true;
  } catch (error) {
    if ((error as { statusCode?: number }).statusCode === 404) return false;
    throw error;
  }
}

export interface Build {
  readonly context: string;
  readonly tag: string;
  readonly target?: string;
  readonly args?: Record<string, string>;
  readonly labels?: Record<string, string>;
  /** `host` lets the build reach what the engine's machine reaches; the default is no network at all. */
  readonly network?: 'host' | 'none';
}

/** Builds with the engine's classic builder, which every engine has; the context belongs to root whoever packs it. */
export async function build(options: Build): Promise<void> {
  const context = pack(options.context);
  const stream = await engine.buildImage(context, {
    t: options.tag,
    ...(options.target && { target: options.target }),
    buildargs: options.args ?? {},
    labels: options.labels ?? {},
    networkmode: options.network ?? 'none',
    forcerm: true,
  });
  await follow(stream);
}

function pack(folder: string): Readable {
  const tar = spawn('tar', ['-C', folder, '--owner=0', '--group=0', '--numeric-owner', '-cf', '-', '.'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  tar.on('error', (error) => tar.stdout.destroy(error));
  return tar.stdout;
}
