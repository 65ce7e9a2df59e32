import type { TestPostgres } from '../../support/postgres.ts';
import type { Facts, Given, Step } from '../books/facts.ts';

/** Triggers of the run's own: the product does not know of them, and they write within its transactions, so that nothing of a row's way is missed. */
const TRIGGERS = `
create schema chaos;
create table chaos.steps (n bigserial primary key, task text, state text, epoch int, at timestamptz not null default clock_timestamp());
create table chaos.given (n bigserial primary key, cage text, task text, epoch int, at timestamptz not null default clock_timestamp());
create function chaos.note_step() returns trigger language plpgsql as $$ begin
  insert into chaos.steps (task, state, epoch) values (new.id, new.state, new.epoch); return null; end $$;
create function chaos.note_given() returns trigger language plpgsql as $$ begin
  if tg_op = 'UPDATE' and (old.task_id, old.task_epoch) is not distinct from (new.task_id, new.task_epoch) then return null; end if;
  insert into chaos.given (cage, task, epoch) values (new.id, new.task_id, new.task_epoch); return null; end $$;
create trigger chaos_made after insert on tasks for each row execute function chaos.note_step();
create trigger chaos_moved after update on tasks for each row
  when (old.state is distinct from new.state or old.epoch is distinct from new.epoch) execute function chaos.note_step();
create trigger chaos_given after insert or update on cages for each row
  when (new.task_id is not null and new.task_epoch is not null) execute function chaos.note_given();
`;

/** What the database saw, in order. */
export class History {
  readonly #postgres: TestPostgres;
  readonly #url: string;

  private constructor(postgres: TestPostgres, url: string) {
    this.#postgres = postgres;
    this.#url = url;
  }

  /** Once the tables are there. */
  static async begin(postgres: TestPostgres, url: string): Promise<History> {
    await postgres.query(url, TRIGGERS);
    return new History(postgres, url);
  }

  async steps(): Promise<Step[]> {
    return this.#rows<Step>(
      `select task, state, epoch, extract(epoch from at)::float8 * 1000 as "atMs" from chaos.steps order by n`,
    );
  }

  async given(): Promise<Given[]> {
    return this.#rows<Given>(
      `select cage, task, epoch, extract(epoch from at)::float8 * 1000 as "atMs" from chaos.given order by n`,
    );
  }

  async rows(): Promise<Facts['rows'][number][]> {
    return this.#rows(`select id, idempotency_key as name from tasks order by id`);
  }

  /** The ids that a query finds. */
  async names(query: string): Promise<string[]> {
    return (await this.#rows<{ name: string }>(query)).map(({ name }) => name);
  }

  #rows<T>(query: string): Promise<T[]> {
    return this.#postgres.rows<T>(this.#url, query);
  }
}
