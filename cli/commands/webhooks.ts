import type { Command } from 'commander';
import { webhookSecretReply } from '#protocol/api.ts';
import { clientOf, say, writeJson, type Cli } from '../cli.ts';

export function addWebhooksCommands(program: Command, cli: Cli): void {
  const webhooks = program.command('webhooks').description('calls to your address when a task ends');
  webhooks
    .command('secret')
    .description('print the secret that signs every delivery, in the form of Standard Webhooks')
    .option('--rotate', 'make a new one first; the old one signs nothing any more')
    .option('--json', 'print {"secret"}')
    .addHelpText(
      'after',
      '\nExamples:\n  clawcage webhooks secret\n  clawcage webhooks secret --rotate\n  clawcage run writer "Report" --webhook https://example.org/hook --detach\n',
    )
    .action((options: { rotate?: boolean; json?: boolean }) => secret(cli, options));
}

async function secret(
  cli: Cli,
  { rotate = false, json = false }: { rotate?: boolean; json?: boolean },
): Promise<void> {
  const client = clientOf(cli);
  const reply = rotate
    ? await client.post('/api/v1/webhooks/secret/rotate', webhookSecretReply)
    : await client.get('/api/v1/webhooks/secret', webhookSecretReply);
  if (json) return writeJson(cli, { secret: reply.secret });
  say(cli, reply.secret);
}
