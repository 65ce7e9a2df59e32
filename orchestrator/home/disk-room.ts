import { statfsSync } from 'node:fs';
import { CodedError } from '#errors/coded-error.ts';

const MIB = 1024 * 1024;

/** What opening needs: recovery writes two segments of the write-ahead log, of 16 MiB each. */
export const ROOM_TO_OPEN = 40 * MIB;

/** Kept for what was accepted: results, counts and ends are written where nothing new is taken any more. */
export const ROOM_TO_ACCEPT = 64 * MIB;

/** `store_full` where the disk that holds `folder` has less than `bytes` to give. */
export function lackOfRoom(folder: string, bytes: number): CodedError | undefined {
  const { bavail, bsize } = statfsSync(folder);
  const freeBytes = bavail * bsize;
  if (freeBytes >= bytes) return undefined;
  return new CodedError('store_full', { folder, freeBytes, neededBytes: bytes });
}

/** Throws it. */
export function assertRoom(folder: string, bytes: number): void {
  const lack = lackOfRoom(folder, bytes);
  if (lack !== undefined) throw lack;
}
