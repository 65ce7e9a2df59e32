import type { z } from 'zod/mini';
import type { ToolDefinition } from '../turns/model-turns.ts';

/** Where and for how long tools work. */
export interface ToolContext {
  readonly work: string;
  readonly environment: NodeJS.ProcessEnv;
  /** Characters of a result that the model sees. */
  readonly outputLimit: number;
  /** Milliseconds that the task still has; infinite where no end is known. */
  readonly remainingMs: () => number;
  /** `host:port` entries that can be reached. */
  readonly egress: readonly string[];
}

export interface ToolResult {
  readonly ok: boolean;
  readonly output: string;
}

/**
 * What a call touches. Calls of one step run at once but where their order can matter: those of one file after each other, and commands
 * and files in the order in which the model wrote them.
 */
export type Touches =
  | { readonly kind: 'command' }
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'outside' };

/** A tool as the loop uses it, wherever it comes from. `call` never rejects: what went wrong is told to the model, which can do better. */
export interface OfferedTool extends ToolDefinition {
  /** It takes no more of the cage than the memory of its call. */
  readonly waitsOnly?: boolean;
  touches(json: string): Touches;
  /** How long the call may take, in milliseconds. */
  limitMs(json: string): number;
  call(json: string): Promise<ToolResult>;
}

/** A tool of the built-in agent. `run` gives the text that the model sees; an error's message is shown to it too. */
export interface Tool<Arguments> {
  readonly name: string;
  describe(context: ToolContext): string;
  /** JSON schema of the arguments, as the API takes it. */
  readonly parameters: Record<string, unknown>;
  readonly arguments: z.ZodMiniType<Arguments>;
  touches(args: Arguments, context: ToolContext): Touches;
  /** How long the call may take, in milliseconds; what takes longer is left. */
  limitMs(args: Arguments, context: ToolContext): number;
  run(args: Arguments, context: ToolContext): Promise<string>;
}
