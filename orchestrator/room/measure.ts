import { readFile, statfs } from 'node:fs/promises';

export interface Memory {
  /** What could be given to processes without swapping: `MemAvailable` of proc(5). */
  readonly availableBytes: number;
  readonly totalBytes: number;
}

/** Free bytes, for who is not root, of the file system that holds `path`; `undefined` where there is no such path here. */
export async function freeDisk(path: string): Promise<number | undefined> {
  try {
    const { bavail, bsize } = await statfs(path);
    return bavail * bsize;
  } catch {
    return undefined;
  }
}

/** `undefined` where the system does not tell. */
export async function machineMemory(): Promise<Memory | undefined> {
  try {
    const text = await readFile('/proc/meminfo', 'utf8');
    const [availableBytes, totalBytes] = [bytesOf(text, 'MemAvailable'), bytesOf(text, 'MemTotal')];
    return availableBytes === undefined || totalBytes === undefined
      ? undefined
      : { availableBytes, totalBytes };
  } catch {
    return undefined;
  }
}

function bytesOf(meminfo: string, field: string): number | undefined {
  const kibibytes = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(meminfo)?.[1];
  return kibibytes === undefined ? undefined : Number(kibibytes) * 1024;
}
