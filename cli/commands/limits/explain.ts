import { text as readText } from 'node:stream/consumers';
import { Option, type Command } from 'commander';
import { explainReply, explainRequest, type ExplainRequest } from '#protocol/api.ts';
import { readUtf8 } from '../../claw-file/sources.ts';
import { clientOf, say, writeJson, type Cli } from '../../cli.ts';
import { failure } from '../../failure.ts';
import { explainedLines } from '../../limits/explained-lines.ts';

type Path = NonNullable<ExplainRequest['path']>;
interface ExplainOptions {
  readonly path: Path;
  readonly json?: boolean;
}

const PATHS = explainRequest.shape.path.unwrap().options;
const EXAMPLES = `
Examples:
  clawcage limits explain writer request.json
  echo '{"model":"gpt-4.1-mini","messages":[{"role":"user","content":"Hello"}]}' | clawcage limits explain writer
  clawcage limits explain writer request.json --path /v1/responses --json
`;

export function addLimitsExplainCommand(limits: Command, cli: Cli): void {
  limits
    .command('explain')
    .argument('<claw>', 'the Claw')
    .argument(
      '[file]',
      'the request as an agent would send it, in JSON; standard input without one, or for -',
    )
    .description('what a call would reserve before it goes out, and why; nothing is sent to the provider')
    .addOption(new Option('--path <path>', 'how the agent would call it').choices(PATHS).default(PATHS[0]))
    .option('--json', 'print as JSON')
    .addHelpText('after', EXAMPLES)
    .action((claw: string, file: string | undefined, options: ExplainOptions) =>
      explain(cli, claw, file ?? '-', options),
    );
}

async function explain(cli: Cli, claw: string, file: string, { path, json }: ExplainOptions): Promise<void> {
  const body = { claw, path, body: await readRequest(cli, file) };
  const reply = await clientOf(cli).post('/api/v1/limits/explain', explainReply, { body });
  if (json) return writeJson(cli, reply);
  for (const line of explainedLines(reply, cli.terminal)) say(cli, line);
}

async function readRequest({ terminal }: Cli, file: string): Promise<Record<string, unknown>> {
  if (file === '-' && terminal.stdin.isTTY)
    throw failure('usage_invalid', { file: 'name a file, or send the request on standard input' });
  const text = file === '-' ? await readText(terminal.stdin) : await readUtf8(file);
  const value = parsed(text);
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return value as Record<string, unknown>;
  throw failure('usage_invalid', { file: `${file === '-' ? 'standard input' : file} is no JSON object` });
}

/** Undefined where it is no JSON: what a parser says of it would quote it. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
