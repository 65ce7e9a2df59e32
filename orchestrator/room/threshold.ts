/** Once something was short there has to be that much more of it: what frees itself at the brink would start and stop the intake again and again. */
const AGAIN = 1.25;
const AGAIN_LEAST_BYTES = 64 * 1024 * 1024;

/** Whether there is too little, given whether there was too little before; 0 as the least checks nothing. */
export function isShort(wasShort: boolean, freeBytes: number, leastBytes: number): boolean {
  if (leastBytes <= 0) return false;
  const wanted = wasShort ? Math.max(leastBytes * AGAIN, leastBytes + AGAIN_LEAST_BYTES) : leastBytes;
  return freeBytes < wanted;
}

/** A cage may have a limit above what the machine has, since most use little of it: its limit counts up to half of the machine. */
export function memoryWanted(limitBytes: number, totalBytes: number): number {
  return Math.min(limitBytes, totalBytes / 2);
}
