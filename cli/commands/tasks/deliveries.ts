import type { Command } from 'commander';
import { deliveryView, type DeliveryView } from '#protocol/api.ts';
import { clientOf, writeJson, type Cli } from '../../cli.ts';
import { writeTable } from '../../terminal/table.ts';
import { ago, until } from '../../terminal/words.ts';

export function addDeliveriesCommand(tasks: Command, cli: Cli): void {
  tasks
    .command('deliveries')
    .argument('<id>', 'the task')
    .description('how the calls of its webhook went')
    .option('--json', 'print as JSON')
    .addHelpText('after', '\nExample:\n  clawcage tasks deliveries task_01\n')
    .action((id: string, options: { json?: boolean }) => deliveries(cli, id, options.json === true));
}

async function deliveries(cli: Cli, id: string, json: boolean): Promise<void> {
  const items = await clientOf(cli).all(`/api/v1/tasks/${encodeURIComponent(id)}/deliveries`, deliveryView);
  if (json) return writeJson(cli, { items, nextCursor: null });
  writeTable(cli.terminal, {
    headings: ['URL', 'STATE', 'ATTEMPTS', 'LAST ANSWER', 'NEXT', 'MADE'],
    rows: items.map((delivery) => [
      delivery.url,
      delivery.state,
      String(delivery.attempts),
      lastAnswer(delivery),
      delivery.nextAt === null ? '' : until(delivery.nextAt),
      ago(delivery.createdAt),
    ]),
    empty: 'No webhook was called for this task.',
  });
}

function lastAnswer({ lastStatus, lastError }: DeliveryView): string {
  return lastStatus === null ? (lastError ?? '') : String(lastStatus);
}
