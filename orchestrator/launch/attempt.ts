/** One attempt that is under way: what its run needs to know of its task and Claw. */
export interface Attempt {
  readonly organisation: string;
  readonly task: string;
  readonly epoch: number;
  /** Of the attempt and its cage's controller: see fenceOf. */
  readonly fence: number;
  readonly claw: string;
  readonly key: string;
  /** By `performance.now()`: its time is over then, and its cage is ended. Left out: not known. */
  readonly endsAt?: number;
}
