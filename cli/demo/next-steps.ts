import type { ClawView } from '#protocol/api.ts';
import type { Cli } from '../cli.ts';
import { DEFAULT_PORT } from '../service/place.ts';
import { coloursFor } from '../terminal/terminal.ts';

/** What to try after the demo, ready to be pasted into a second terminal. */
export function nextSteps(cli: Cli, { name }: Pick<ClawView, 'name'>): string[] {
  const { dim } = coloursFor(cli.terminal.stdout, cli.terminal.env);
  const command = `${settings(cli)}bin/clawcage`;
  return [
    'Try next, in a second terminal:',
    dim('  # another task for this Claw'),
    `  ${command} run ${name} "How many lines does the file have?" --file README.md`,
    dim('  # your own OpenAI key (asked for at a prompt), with a Claw that uses it'),
    `  ${command} keys add mine --provider openai && ${command} claws create writer --model gpt-4.1-mini --key mine --tpm 60000 --deploy`,
    dim(
      '  # a model server on this machine (Ollama, llama.cpp, vLLM; it must listen on more than 127.0.0.1): end this with Ctrl-C, then',
    ),
    `  ${settings(cli)}CLAWCAGE_GATE_ALLOW_HOSTS=host.docker.internal:11434 bin/clawcage up --detach && echo no-key-needed | ${command} keys add local --provider openai --base-url http://host.docker.internal:11434/v1`,
  ];
}

/** The settings that the next commands need to find the same service. */
function settings({ terminal: { env }, place }: Cli): string {
  if (env.CLAWCAGE_HOME) return `CLAWCAGE_HOME=${quoted(place.home)} `;
  return place.port === DEFAULT_PORT ? '' : `CLAWCAGE_PORT=${place.port} `;
}

const quoted = (text: string): string =>
  /^[\w./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
