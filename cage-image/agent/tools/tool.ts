import type { z } from 'zod/mini';

/** Where and for how long tools work. */
export interface ToolContext {
  readonly work: string;
  readonly environment: NodeJS.ProcessEnv;
  /** Characters of a result that the model sees. */
  readonly outputLimit: number;
}

/** A tool of the built-in agent. `run` gives the text that the model sees; an error's message is shown to it too. */
export interface Tool<Arguments> {
  readonly name: string;
  readonly description: string;
  /** JSON schema of the arguments, as the API takes it. */
  readonly parameters: Record<string, unknown>;
  readonly arguments: z.ZodMiniType<Arguments>;
  run(args: Arguments, context: ToolContext): Promise<string>;
}
