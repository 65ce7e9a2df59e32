import { readFile } from 'node:fs/promises';
import { Option, type Command } from 'commander';
import { keyModelsReply, keyView, type KeyView } from '#protocol/api.ts';
import { clientOf, say, writeJson, type Cli } from '../cli.ts';
import { failure } from '../failure.ts';
import { withSecret } from '../secret-body.ts';
import { cap, capGiven, type CapOption } from '../terminal/cap-option.ts';
import { readSecret } from '../terminal/secret-input.ts';
import { Spinner } from '../terminal/spinner.ts';
import { writeTable } from '../terminal/table.ts';
import { ago } from '../terminal/words.ts';

interface AddOptions {
  readonly provider: 'openai';
  readonly baseUrl?: string;
  readonly ca?: string;
  readonly verify: boolean;
  readonly rpm?: CapOption;
  readonly tpm?: CapOption;
  readonly json?: boolean;
}

export function addKeysCommands(program: Command, cli: Cli): void {
  const keys = program
    .command('keys')
    .summary('provider keys, brought by you')
    .description('provider keys: brought by you, kept enveloped, opened only inside a cage');

  keys
    .command('add')
    .argument('<name>', 'what to call the key')
    .description('add a key; the secret comes on standard input or at a prompt, never as an argument')
    .addOption(new Option('--provider <provider>', 'who issued it').choices(['openai']).makeOptionMandatory())
    .option('--base-url <url>', 'an OpenAI-compatible endpoint', undefined)
    .option('--ca <file>', 'PEM file of the private CA of that endpoint')
    .option('--no-verify', 'do not try the key with the provider first')
    .option('--rpm <n>', 'requests in any 60 s at most, all its Claws together', cap())
    .option('--tpm <n>', 'tokens in any 60 s at most, all its Claws together', cap())
    .option('--json', "print the key's record as JSON")
    .addHelpText(
      'after',
      '\nExamples:\n  clawcage keys add work --provider openai --tpm 200000 < key.txt\n  clawcage keys add lab --provider openai --base-url https://llm.example.org/v1 --ca ca.pem\n',
    )
    .action((name: string, options: AddOptions) => add(cli, name, options));

  keys
    .command('list')
    .description('list the keys, masked')
    .option('--json', 'print as JSON')
    .addHelpText('after', '\nExample:\n  clawcage keys list --json\n')
    .action((options: { json?: boolean }) => list(cli, options.json === true));

  keys
    .command('rotate')
    .argument('<name>', 'the key')
    .description('replace the secret of a key; Claws that use it go on with the new one')
    .option('--no-verify', 'do not try the key with the provider first')
    .option('--json', "print the key's record as JSON")
    .addHelpText('after', '\nExample:\n  clawcage keys rotate work < new-key.txt\n')
    .action((name: string, options: { verify: boolean; json?: boolean }) => rotate(cli, name, options));

  keys
    .command('revoke')
    .argument('<name>', 'the key')
    .description('revoke a key for good: nothing opens it after')
    .option('--json', "print the key's record as JSON")
    .addHelpText('after', '\nExample:\n  clawcage keys revoke work\n')
    .action((name: string, options: { json?: boolean }) => revoke(cli, name, options.json === true));

  keys
    .command('models')
    .argument('<name>', 'the key')
    .description(
      'list the models that the provider offers to a key; asked from inside a cage, and kept for minutes',
    )
    .option('--json', 'print {"key","models","askedAt"}')
    .addHelpText('after', '\nExample:\n  clawcage keys models work\n')
    .action((name: string, options: { json?: boolean }) => models(cli, name, options.json === true));
}

async function models(cli: Cli, name: string, json: boolean): Promise<void> {
  const spinner = new Spinner(cli.terminal);
  spinner.show('asking the provider, from inside a cage');
  const reply = await clientOf(cli)
    .get(`/api/v1/keys/${encodeURIComponent(name)}/models`, keyModelsReply)
    .finally(() => spinner.clear());
  if (json) return writeJson(cli, reply);
  for (const model of reply.models) say(cli, model.replace(/[\p{Cc}]+/gu, ' '));
  if (reply.models.length === 0) cli.terminal.stderr.write('The provider offers no model to this key.\n');
}

async function add(
  cli: Cli,
  name: string,
  { provider, baseUrl, ca, verify, rpm, tpm, json }: AddOptions,
): Promise<void> {
  const pem = ca === undefined ? undefined : await readCa(ca);
  const fields = {
    name,
    provider,
    verify,
    ...(baseUrl !== undefined && { baseUrl }),
    ...(pem !== undefined && { ca: pem }),
    ...(rpm !== undefined && { requestsPerMinute: capGiven(rpm) }),
    ...(tpm !== undefined && { tokensPerMinute: capGiven(tpm) }),
  };
  const key = await sendSecret(cli, { path: '/api/v1/keys', fields, prompt: `Secret of key ${name}` });
  if (json) return writeJson(cli, key);
  say(
    cli,
    `Key ${key.name} added: ${key.masked}${key.verifiedAt === null ? ', not verified' : ', verified'}.`,
  );
  warn(cli, key);
}

async function rotate(cli: Cli, name: string, options: { verify: boolean; json?: boolean }): Promise<void> {
  const path = `/api/v1/keys/${encodeURIComponent(name)}/rotate`;
  const key = await sendSecret(cli, {
    path,
    fields: { verify: options.verify },
    prompt: `New secret of key ${name}`,
  });
  if (options.json) return writeJson(cli, key);
  say(cli, `Key ${key.name} rotated: ${key.masked}, version ${key.version}.`);
  warn(cli, key);
}

async function revoke(cli: Cli, name: string, json: boolean): Promise<void> {
  const key = await clientOf(cli).post(`/api/v1/keys/${encodeURIComponent(name)}/revoke`, keyView);
  if (json) return writeJson(cli, key);
  say(cli, `Key ${key.name} revoked.`);
}

async function list(cli: Cli, json: boolean): Promise<void> {
  const items = await clientOf(cli).all('/api/v1/keys', keyView);
  if (json) return writeJson(cli, { items, nextCursor: null });
  writeTable(cli.terminal, {
    headings: ['NAME', 'KEY', 'STATE', 'VERIFIED', 'ENDPOINT'],
    rows: items.map((key) => [
      key.name,
      key.masked,
      key.state,
      key.verifiedAt === null ? 'no' : ago(key.verifiedAt),
      key.baseUrl,
    ]),
    empty: 'No keys yet: clawcage keys add NAME --provider openai',
  });
}

async function readCa(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw failure('usage_invalid', {
      '--ca': `${file}: ${(error as NodeJS.ErrnoException).code ?? 'cannot be read'}`,
    });
  }
}

/** Reads the secret, sends it, overwrites it. */
async function sendSecret(cli: Cli, ask: { path: string; fields: object; prompt: string }): Promise<KeyView> {
  const secret = await readSecret(cli.terminal, ask.prompt);
  const body = withSecret(ask.fields, secret);
  try {
    return await clientOf(cli).post(ask.path, keyView, { bytes: body });
  } finally {
    secret.fill(0);
    body.fill(0);
  }
}

function warn(cli: Cli, key: KeyView): void {
  if (key.warning !== undefined) cli.terminal.stderr.write(`warning: ${key.warning}\n`);
}
