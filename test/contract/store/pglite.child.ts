import { openStore } from '../../../orchestrator/store/store.ts';
import { newTenant } from '../../support/store-rows.ts';

/** Accepts tasks in the home that is named, without end, and says the id of each once it is committed. */
const store = await openStore({ home: process.argv[2]!, log: { warn: () => undefined } });
const tenant = await newTenant(store);
process.stdout.write(`open ${tenant.organisation}\n`);
for (;;) {
  const { task } = await tenant.addTask();
  process.stdout.write(`${task.id}\n`);
}
