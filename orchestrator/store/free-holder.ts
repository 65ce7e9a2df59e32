import { sql, type RawBuilder } from 'kysely';

/**
 * That nobody acts under this name any more: null, or an orchestrator that has left or was declared gone. An orchestrator never lives again under its old name, so
 * what is true once stays true.
 */
export const isFree = (holder: 'cages.holder' | 'tasks.holder'): RawBuilder<boolean> => sql<boolean>`(
  ${sql.ref(holder)} is null
  or not exists (select 1 from orchestrators where orchestrators.id = ${sql.ref(holder)} and orchestrators.state = 'live')
)`;
