import { CodedError } from '#errors/coded-error.ts';
import type { Standing } from '../limiter/permit-request.ts';
import type { ClawRow } from '../store/claws-store.ts';
import type { Store } from '../store/store.ts';
import { remembered } from './remembered.ts';
import { standingOf } from './standing-of.ts';

type Rows = Pick<Store, 'claws' | 'keys' | 'organisations'>;

/** So many rows of each kind; the one that was not used for longest goes first. */
const MOST = 1000;

/**
 * What is in force for Claws, each row read at most once in a while however many attempts ask for it. While the database is away what was
 * read last still holds.
 */
export class Standings {
  readonly #store: Rows;
  readonly #claws = new Shelf<ClawRow>();
  readonly #keys = new Shelf<NonNullable<Awaited<ReturnType<Rows['keys']['byId']>>>>();
  readonly #organisations = new Shelf<NonNullable<Awaited<ReturnType<Rows['organisations']['byId']>>>>();

  constructor(store: Rows) {
    this.#store = store;
  }

  /**
   * For the calls of an attempt of `claw`, as it was when that began; looked up at once, so that a database that is away at the first call does not hold it up. Errors:
   * `store_unavailable` where nothing was ever read (the limiter lets the call wait), `key_revoked` where the key is no more.
   */
  of(claw: ClawRow): () => Promise<Standing> {
    const standing = this.#reader(claw);
    standing().catch(() => undefined);
    return standing;
  }

  #reader(claw: ClawRow): () => Promise<Standing> {
    const { claws, keys, organisations } = this.#store;
    const { organisation, id, key: keyId } = claw;
    return async () => {
      const [now, key, tenant] = await Promise.all([
        this.#claws.read(
          `${organisation} ${id}`,
          async () => (await claws.byId(organisation, id)) ?? gone(claw),
        ),
        this.#keys.read(`${organisation} ${keyId}`, async () => {
          const row = await keys.byId(organisation, keyId);
          if (!row) throw new CodedError('key_revoked');
          return row;
        }),
        this.#organisations.read(organisation, async () => {
          const row = await organisations.byId(organisation);
          if (!row) throw new CodedError('not_found', { organisation });
          return row;
        }),
      ]);
      return standingOf(now, key, tenant);
    };
  }
}

/** Nothing is permitted to a Claw that was deleted. */
const gone = (claw: ClawRow): ClawRow => ({ ...claw, state: 'stopped' });

class Shelf<T> {
  readonly #readers = new Map<string, () => Promise<T>>();

  read(name: string, read: () => Promise<T>): Promise<T> {
    const reader = this.#readers.get(name) ?? remembered(read);
    this.#readers.delete(name);
    this.#readers.set(name, reader);
    const oldest = this.#readers.keys().next().value;
    if (this.#readers.size > MOST && oldest !== undefined) this.#readers.delete(oldest);
    return reader();
  }
}
