import { isFinal, type FinalState } from '#task/state.ts';
import { agentSteps, faultSteps } from './outside.ts';
import { mayMove, type Holder, type Rules } from './rules.ts';
import { withCage, withOrchestrator, withoutJob, type Step } from './step.ts';
import { ATTEMPTS, cageOf, nextName, type Cage, type Mend, type Orchestrator, type World } from './world.ts';

/** The names that an orchestrator has, one after the other. */
const LAST_NAME = 2;

/** All that can happen next: each is one statement, one call of the engine, or one message. */
export function stepsOf(world: World, rules: Rules): Step[] {
  return [
    ...world.orchestrators.flatMap((self, at) =>
      self.life === 'up' ? new Actor(world, at, rules).steps() : [],
    ),
    ...agentSteps(world),
    ...faultSteps(world),
  ];
}

/** What one orchestrator that is awake may do next, under the name that it has for itself. */
class Actor {
  readonly #world: World;
  readonly #at: number;
  readonly #self: Orchestrator;
  readonly #rules: Rules;
  readonly #steps: Step[] = [];
  readonly #isLive = (name: string): boolean => this.#world.live.includes(name);

  constructor(world: World, at: number, rules: Rules) {
    this.#world = world;
    this.#at = at;
    this.#self = world.orchestrators[at]!;
    this.#rules = rules;
  }

  steps(): Step[] {
    this.#lease();
    this.#queue();
    this.#launch();
    this.#listen();
    this.#takeOver();
    this.#mend();
    this.#sweep();
    return this.#steps;
  }

  #say(what: string, next: World, wrote?: Step['wrote']): void {
    this.#steps.push({ what: `${this.#self.name}: ${what}`, next, ...(wrote && { wrote }) });
  }

  #with(change: Partial<Orchestrator>, world: World = this.#world): World {
    return withOrchestrator(world, this.#at, change);
  }

  /** Others that do not beat are expired; one that finds itself expired lets go of everything. */
  #lease(): void {
    const { name } = this.#self;
    if (!this.#isLive(name)) {
      // With another that stays awake it makes no difference what comes after.
      if (
        Number(name.slice(1)) >= LAST_NAME ||
        !this.#world.orchestrators.some(({ life }) => life === 'down')
      )
        return this.#say('lets go of all', this.#with({ launch: null, run: null, mend: null, life: 'down' }));
      const anew = { name: nextName(name), launch: null, run: null, mend: null };
      return this.#say('takes a new lease', { ...this.#with(anew), live: [...this.#world.live, anew.name] });
    }
    for (const other of this.#world.orchestrators)
      if (other !== this.#self && other.life !== 'up' && this.#isLive(other.name))
        this.#say(`expires ${other.name}`, {
          ...this.#world,
          live: this.#world.live.filter((one) => one !== other.name),
        });
  }

  #queue(): void {
    const { task, jobs } = this.#world;
    if (this.#rules.dispatchesAgain && task.state === 'queued' && !jobs.includes(task.epoch))
      this.#say('dispatches it again', { ...this.#world, jobs: [...jobs, task.epoch].toSorted() });
    if (task.state === 'queued' && task.cancel)
      this.#finish('cancelled', { epoch: task.epoch, holder: null }, {});
    if (this.#self.launch !== null) return;
    for (const epoch of new Set(jobs)) {
      if (task.state !== 'queued' || task.epoch !== epoch)
        this.#say('drops a job', withoutJob(this.#world, epoch));
      else if (!task.cancel) this.#say('takes a job', this.#with({ launch: { at: 'seen', epoch } }));
    }
  }

  #launch(): void {
    const { launch, name } = this.#self;
    if (launch === null) return;
    const { epoch } = launch;
    const { task, faults } = this.#world;
    const cage = cageOf(this.#world, epoch);
    const to = (at: typeof launch.at, world = this.#world): World =>
      this.#with({ launch: { at, epoch } }, world);
    const failed = (): World =>
      this.#with(
        { launch: null, mend: { at: 'end', epoch, to: this.#afterFailure(epoch, false) } },
        withoutJob(this.#world, epoch - 1),
      );
    // What waits is ended by its row first.
    if (launch.at !== 'seen' && task.cancel) {
      const mend = { at: 'end', epoch, to: null } as const;
      this.#finish('cancelled', { epoch, holder: name }, { launch: null, mend: this.#self.mend ?? mend });
    }
    if (this.#self.mend !== null) return;
    switch (launch.at) {
      case 'seen': {
        const begun = { ...task, state: 'starting', epoch: epoch + 1, holder: name } as const;
        if (!mayMove(this.#rules, task, { epoch, holder: null }, 'starting'))
          return this.#say(
            'was too late for it',
            this.#with({ launch: null }, withoutJob(this.#world, epoch)),
          );
        return this.#say(
          'begins it',
          this.#with({ launch: { at: 'claimed', epoch: epoch + 1 } }, { ...this.#world, task: begun }),
          { by: null, to: 'starting' },
        );
      }
      case 'claimed': {
        const row = { state: 'creating', holder: name, epoch: 1 } as const;
        return this.#say('writes the row of its cage', to('inserted', withCage(this.#world, epoch, { row })));
      }
      case 'inserted':
        return this.#confirm('may make its container', to('mayMake'));
      case 'mayMake':
        this.#say('makes its container', to('made', withCage(this.#world, epoch, { isUp: true })));
        if (faults.loseAnswer > 0)
          this.#steps.push({
            what: `${name}: makes its container and hears nothing`,
            isFault: true,
            next: {
              ...to('unknown', withCage(this.#world, epoch, { isUp: true })),
              faults: { ...faults, loseAnswer: faults.loseAnswer - 1 },
            },
          });
        return this.#say('cannot make its container', failed());
      case 'unknown':
        return this.#say('looks for its container', cage.isUp ? to('made') : failed());
      case 'made':
        if (!cage.isUp || !this.#rules.obeys(cage.obeys, 1))
          return this.#say('finds no cage of its own', failed());
        return this.#say('is obeyed', to('linked', withCage(this.#world, epoch, { obeys: 1 })));
      case 'linked':
        return this.#confirm('may seal the key', to('mayStart'));
      case 'mayStart':
        if (cage.row === null || !this.#rules.mayAssign(cage.row, name))
          return this.#say('has lost its cage', failed());
        return this.#say(
          'assigns it',
          to('assigned', withCage(this.#world, epoch, { row: { ...cage.row, state: 'assigned' } })),
        );
      case 'assigned':
        if (task.cancel || !this.#rules.isAsSeen(task, { epoch, holder: name }))
          return this.#say('may not start it', failed());
        return this.#say('may start it', to('checked'));
      case 'checked': {
        const started = this.#isHeard(cage, 1)
          ? withCage(this.#world, epoch, { work: 'working', hasBegun: true, mayHaveActed: true })
          : this.#world;
        const run = { epoch, link: 1, toldToStop: false };
        return this.#say('sends start', this.#with({ launch: null, run }, withoutJob(started, epoch - 1)));
      }
    }
  }

  #confirm(what: string, next: World): void {
    if (this.#rules.isConfirmed(this.#self.name, this.#isLive)) this.#say(what, next);
    else this.#say('finds its lease lost', this.#with({ launch: null }));
  }

  #isHeard(cage: Cage, link: number): boolean {
    return cage.isUp && this.#rules.obeys(cage.obeys, link);
  }

  #listen(): void {
    const { run, name, mend } = this.#self;
    if (run === null || mend !== null) return;
    const { epoch, link } = run;
    const { task } = this.#world;
    const cage = cageOf(this.#world, epoch);
    const seen = { epoch, holder: name };
    const over = (to: Mend['to']): Partial<Orchestrator> => ({ run: null, mend: { at: 'end', epoch, to } });
    /** It was listened to until it failed: what the agent did is known. */
    const failed = (): World => {
      const to = this.#afterFailure(epoch, false);
      return this.#with(
        over(to),
        to === 'queued' ? withCage(this.#world, epoch, { mayHaveActed: false }) : this.#world,
      );
    };
    if (!cage.isUp) return this.#say('hears that the cage died', failed());
    if (!this.#isHeard(cage, link)) return this.#say('is superseded', this.#with({ run: null }));
    if (cage.work === 'working') {
      const { faults } = this.#world;
      if (faults.silence > 0)
        this.#steps.push({
          what: `${name}: finds the cage stuck, whose agent goes on`,
          isFault: true,
          next: { ...failed(), faults: { ...faults, silence: 0 } },
        });
      if (task.state === 'starting' && mayMove(this.#rules, task, seen, 'running'))
        this.#say(
          'hears that it runs',
          { ...this.#world, task: { ...task, state: 'running' } },
          { by: name, to: 'running' },
        );
      if (task.cancel && !run.toldToStop)
        this.#say(
          'says cancel',
          this.#with(
            { run: { ...run, toldToStop: true } },
            withCage(this.#world, epoch, { work: 'cancelled' }),
          ),
        );
      return;
    }
    // `start` came to nobody: the link breaks, or the time of starting ends.
    if (cage.work === 'none')
      return this.#say('waits in vain', this.#with(over(this.#afterFailure(epoch, true))));
    if (cage.work === 'failed' && this.#afterFailure(epoch, false) === 'queued')
      return this.#say('hears a failure', failed());
    this.#finish(cage.work, seen, over(null));
  }

  /** Whether another attempt follows. `maybe`: nobody knows whether the agent has acted. */
  #afterFailure(epoch: number, maybe: boolean): 'queued' | 'failed' | 'cancelled' {
    if (this.#world.task.cancel) return 'cancelled';
    return epoch < ATTEMPTS && !maybe ? 'queued' : 'failed';
  }

  #takeOver(): void {
    const { launch, run, mend, name } = this.#self;
    const { task } = this.#world;
    const isMine = launch !== null && launch.at !== 'seen';
    if (!this.#rules.takesOver || isMine || run !== null || mend !== null) return;
    if (!this.#rules.mayAdopt(task, name, this.#isLive)) return;
    const { epoch } = task;
    const cages = this.#world.cages.map(({ row, ...cage }) => ({
      ...cage,
      row: row && { ...row, holder: name, epoch: row.epoch + 1 },
    }));
    this.#say(
      'takes it over',
      this.#with(
        { mend: { at: 'adopted', epoch, to: null } },
        { ...this.#world, task: { ...task, holder: name }, cages },
      ),
    );
  }

  #mend(): void {
    const { mend } = this.#self;
    if (mend === null) return;
    const { epoch, to } = mend;
    const cage = cageOf(this.#world, epoch);
    const go = (at: Mend['at'], world = this.#world, next: Mend['to'] = to): World =>
      this.#with({ mend: { at, epoch, to: next } }, world);
    const maybe = this.#rules.assignedMayHaveBegun
      ? cage.row?.state !== 'creating' && cage.row !== null
      : this.#world.task.state === 'running';
    const giveUp = (): World => go('end', this.#world, this.#afterFailure(epoch, maybe));
    switch (mend.at) {
      case 'adopted':
        return this.#say(
          'looks for its cage',
          cage.isUp && cage.row?.state === 'assigned' ? go('dial') : giveUp(),
        );
      case 'dial':
        return this.#dial(cage, epoch, giveUp());
      case 'end':
        // An end needs nothing to be gone, and is written first: who comes after a crash between the two would not know of it any more.
        if (to === 'failed' || to === 'cancelled')
          return this.#finish(
            to,
            { epoch, holder: this.#self.name },
            { mend: { at: 'end', epoch, to: null } },
          );
        if (!this.#rules.waitsUntilGone && to === 'queued')
          return this.#say('does not wait for its end', go('move'));
        if (cage.row === null) return this.#say('has no cage to end', go('move'));
        if (!this.#rules.mayEnd(cage.row, this.#self.name, this.#isLive))
          return this.#say("leaves another's cage", this.#with({ mend: null }));
        return this.#say(
          'ends its cage',
          go(
            'destroy',
            withCage(this.#world, epoch, { row: { ...cage.row, state: 'ending', holder: this.#self.name } }),
          ),
        );
      case 'destroy':
        return this.#say(
          'destroys its container',
          go('forget', withCage(this.#world, epoch, { isUp: false })),
        );
      case 'forget':
        return this.#say('forgets its cage', go('move', withCage(this.#world, epoch, { row: null })));
      case 'move':
        return this.#move(mend);
      case 'enqueue':
        return this.#say(
          'dispatches it',
          this.#with(
            { mend: null },
            { ...this.#world, jobs: [...new Set([...this.#world.jobs, epoch])].toSorted() },
          ),
        );
    }
  }

  #dial(cage: Cage, epoch: number, giveUp: World): void {
    const link = cage.row?.epoch ?? 0;
    if (!this.#isHeard(cage, link)) return this.#say('does not reach its cage', this.#with({ mend: null }));
    const greeted = withCage(this.#world, epoch, { obeys: Math.max(cage.obeys, link) });
    if (cage.work === 'none') {
      const { mend } = giveUp.orchestrators[this.#at]!;
      // Whoever shows a newer epoch and hears that there is no task knows that none will come.
      return this.#say(
        'finds it idle',
        withOrchestrator(greeted, this.#at, {
          mend: mend && { ...mend, to: this.#afterFailure(epoch, false) },
        }),
      );
    }
    this.#say(
      'goes on with it',
      withOrchestrator(greeted, this.#at, { mend: null, run: { epoch, link, toldToStop: false } }),
    );
  }

  #move({ epoch, to }: Mend): void {
    const { task } = this.#world;
    const seen = { epoch, holder: this.#self.name };
    if (to !== 'queued') return this.#say('is done', this.#with({ mend: null }));
    if (!mayMove(this.#rules, task, seen, 'queued'))
      return this.#say('was too late to try again', this.#with({ mend: null }));
    const queued = { ...task, state: 'queued', holder: null } as const;
    this.#say(
      'puts it back',
      this.#with({ mend: { at: 'enqueue', epoch, to } }, { ...this.#world, task: queued }),
      { by: seen.holder, to },
    );
  }

  #finish(to: FinalState, seen: { epoch: number; holder: Holder }, then: Partial<Orchestrator>): void {
    const { task } = this.#world;
    if (mayMove(this.#rules, task, seen, to))
      return this.#say(`writes ${to}`, this.#with(then, { ...this.#world, task: { ...task, state: to } }), {
        by: seen.holder,
        to,
      });
    this.#say(`was too late to write ${to}`, this.#with(then));
  }

  /** Cages of a task that has ended, and ends that were begun, are ended by whoever may. */
  #sweep(): void {
    const { launch, run, mend, name } = this.#self;
    const { task, cages } = this.#world;
    if (mend !== null) return;
    cages.forEach((cage, at) => {
      const epoch = at + 1;
      if (cage.row === null || launch?.epoch === epoch || run?.epoch === epoch) return;
      const isLeft = isFinal(task.state) || cage.row.state === 'ending' || task.epoch !== epoch;
      if (isLeft && this.#rules.mayEnd(cage.row, name, this.#isLive))
        this.#say(`sweeps the cage of ${epoch}`, this.#with({ mend: { at: 'end', epoch, to: null } }));
    });
  }
}
