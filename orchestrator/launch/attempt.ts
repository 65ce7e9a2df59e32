/** One attempt that is under way: what its run needs to know of its task and Claw. */
export interface Attempt {
  readonly organisation: string;
  readonly task: string;
  readonly epoch: number;
  readonly claw: string;
  readonly key: string;
}
