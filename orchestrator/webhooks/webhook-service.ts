import { CodedError, toCodedError } from '#errors/coded-error.ts';
import type { DeliveryView } from '#protocol/api.ts';
import type { Log } from '../log.ts';
import type { DeliveryRow } from '../store/deliveries-store.ts';
import type { Store } from '../store/store.ts';
import type { TaskRow } from '../store/task-row.ts';
import type { WebhookSecrets } from './webhook-secrets.ts';

interface Parts {
  readonly store: Pick<Store, 'tasks' | 'deliveries'>;
  readonly secrets: WebhookSecrets;
  readonly log: Log;
  /** Something may be due. */
  readonly onEnqueued: () => void;
}

/** Webhooks as the API and the end of a task know them. */
export class WebhookService {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** After a task's final write. Never throws: what is missed here is found by the worker's next look. */
  async taskEnded(task: Pick<TaskRow, 'id' | 'organisation' | 'webhook'>): Promise<void> {
    const { store, log, onEnqueued } = this.#parts;
    const { id, organisation, webhook } = task;
    if (webhook === null) return;
    try {
      await store.deliveries.enqueue({ id, organisation, webhook });
      onEnqueued();
    } catch (error) {
      log.warn({ task: id, code: toCodedError(error).code }, 'its webhook is enqueued later');
    }
  }

  /** `not_found` where there is no such task. */
  async ofTask(
    organisation: string,
    task: string,
    page: { readonly limit: number; readonly cursor?: string },
  ): Promise<{ items: DeliveryView[]; nextCursor: string | null }> {
    const { store } = this.#parts;
    if (!(await store.tasks.byId(organisation, task))) throw new CodedError('not_found', { task });
    const { items, nextCursor } = await store.deliveries.ofTask(organisation, task, page);
    return { items: items.map(deliveryView), nextCursor };
  }

  async secret(organisation: string): Promise<{ secret: string }> {
    return { secret: await this.#parts.secrets.show(organisation) };
  }

  async rotateSecret(organisation: string): Promise<{ secret: string }> {
    return { secret: await this.#parts.secrets.rotate(organisation) };
  }
}

function deliveryView({ organisation: _organisation, nextAt, createdAt, ...row }: DeliveryRow): DeliveryView {
  return { ...row, nextAt: nextAt?.toISOString() ?? null, createdAt: createdAt.toISOString() };
}
