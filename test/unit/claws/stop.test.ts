import { expect, it } from 'vitest';
import { ClawService } from '../../../orchestrator/claws/claw-service.ts';

it('a stop ends what runs and what is about to run, and leaves what waits', async () => {
  const claw = { id: 'c', key: 'k', createdAt: new Date(), updatedAt: new Date() };
  const stopped: string[] = [];
  const service = new ClawService({
    store: {
      claws: { byName: async () => claw, setState: async () => claw },
      keys: { byId: async () => undefined },
      tasks: {
        nonFinalOf: async () => ['queued', 'starting', 'running'].map((state) => ({ id: state, state })),
      },
    },
    spares: { drain: async () => undefined },
    tasks: { stopTask: async ({ id }: { id: string }) => stopped.push(id) },
  } as never);
  await service.stop('o', 'worker');
  expect(stopped).toEqual(['starting', 'running']);
});
