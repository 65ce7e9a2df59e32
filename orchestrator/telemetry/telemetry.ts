import { collectDefaultMetrics, Registry } from 'prom-client';
import type { Caps } from '#limits/caps.ts';
import type { UsageCounts } from '#protocol/link-messages.ts';
import { BoundedLabels } from './bounded-labels.ts';
import { createInstruments, type Instruments } from './instruments.ts';

export type CageKind = 'cold' | 'warm' | 'adopted';
export type EndState = 'succeeded' | 'failed' | 'cancelled' | 'timed_out';
export type ChargeSource = 'reported' | 'full' | 'request';

export type WebhookOutcome = 'delivered' | 'retried' | 'failed';

const WEBHOOK_OUTCOMES = ['delivered', 'retried', 'failed'] as const;
const OPEN_STATES = ['queued', 'starting', 'running'] as const;
const END_STATES = ['succeeded', 'failed', 'cancelled', 'timed_out'] as const;
const CAGE_KINDS = ['cold', 'warm', 'adopted'] as const;
/** What denies a permit: see Denial in orchestrator/limiter. */
const LIMITS = ['requests', 'tokens', 'calls', 'queue', 'turn', 'provider'] as const;
const SOURCES = ['reported', 'full', 'request'] as const;

/** Gauges of prom-client that are named like counters, which `promtool check metrics` rejects. */
const MISNAMED = [
  'nodejs_active_handles_total',
  'nodejs_active_requests_total',
  'nodejs_active_resources_total',
];

export interface TelemetryOptions {
  /** How many Claws, and how many models, have series of their own; of keys there are as many as of Claws. */
  readonly mostClaws?: number;
  readonly mostModels?: number;
}

/** What counts now at a level that Claws share. */
export interface SharedWindow {
  readonly level: 'key' | 'organisation';
  readonly id: string;
  readonly caps: Caps;
  readonly requests: number;
  readonly tokens: number;
}

const MOST_CLAWS = 500;

/**
 * What happened, as metrics. Every method is named for the event and takes ids and counts only. Nothing here throws
 * for a value: to measure must not break what is measured.
 */
export class Telemetry {
  readonly #registry = new Registry();
  readonly #instruments: Instruments = createInstruments(this.#registry);
  readonly #claws: BoundedLabels;
  readonly #models: BoundedLabels;
  readonly #mostShared: number;
  readonly #readings: (() => Promise<void>)[] = [];

  constructor(options: TelemetryOptions = {}) {
    const { folded, tasks, cageStart, permitWait, webhooks, refused } = this.#instruments;
    for (const level of ['claw', 'organisation']) refused.inc({ level }, 0);
    for (const outcome of WEBHOOK_OUTCOMES) webhooks.inc({ outcome }, 0);
    this.#mostShared = options.mostClaws ?? MOST_CLAWS;
    this.#claws = new BoundedLabels(this.#mostShared, () => folded.inc({ label: 'claw' }));
    this.#models = new BoundedLabels(options.mostModels ?? 50, () => folded.inc({ label: 'model' }));
    for (const label of ['claw', 'model']) folded.inc({ label }, 0);
    for (const state of OPEN_STATES) tasks.set({ state }, 0);
    for (const kind of CAGE_KINDS) cageStart.zero({ kind });
    for (const decision of ['granted', 'denied']) permitWait.zero({ decision });
    collectDefaultMetrics({ register: this.#registry });
    for (const name of MISNAMED) this.#registry.removeSingleMetric(name);
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  /** The page of `/metrics`. What a reading cannot find out keeps its last value. */
  async metrics(): Promise<string> {
    for (const result of await Promise.allSettled(this.#readings.map((read) => read()))) {
      if (result.status === 'rejected') this.#instruments.scrapeErrors.inc();
    }
    return await this.#registry.metrics();
  }

  /** `read` is called before each page, to set what is a state and not an event: tasks, queue, windows, links. */
  onScrape(read: () => Promise<void>): void {
    this.#readings.push(read);
  }

  /** The Claw's series stand at 0 from now on, so that the first increment is seen as one. */
  clawSeen({ claw, model }: { claw: string; model: string }): void {
    this.#labels(claw, model);
  }

  /** Its series disappear. */
  clawDeleted(claw: string): void {
    this.#claws.drop(claw);
    void this.#removeSeries(claw);
  }

  callSettled(event: {
    claw: string;
    model: string;
    usage: UsageCounts;
    source: ChargeSource;
    /** What the call is charged, where it is not what was reported. */
    chargedTokens?: number;
    /** What was held for it since its permit, if that was told by `tokensReserved`. */
    reservedTokens?: number;
  }): void {
    const { usage, source, chargedTokens, reservedTokens } = event;
    const labels = this.#labels(event.claw, event.model);
    const { claw } = labels;
    const { requests, tokens, cachedTokens, reasoningTokens, settled, reserved } = this.#instruments;
    requests.inc(labels);
    tokens.inc({ ...labels, direction: 'input' }, usage.inputTokens);
    tokens.inc({ ...labels, direction: 'output' }, usage.outputTokens);
    cachedTokens.inc(labels, usage.cachedTokens);
    reasoningTokens.inc(labels, usage.reasoningTokens);
    settled.inc({ claw, source }, chargedTokens ?? usage.totalTokens);
    if (reservedTokens !== undefined) reserved.dec({ claw }, reservedTokens);
  }

  permitDecided(event: {
    claw: string;
    decision: 'granted' | 'denied';
    waitMs: number;
    /** Of a denial by a limit: one of LIMITS, anything else is none. */
    limit?: unknown;
  }): void {
    const { claw } = this.#labels(event.claw);
    const { permits, permitWait } = this.#instruments;
    const limit = LIMITS.find((known) => known === event.limit) ?? 'none';
    permits.inc({ claw, decision: event.decision, limit });
    permitWait.observe({ decision: event.decision }, event.waitMs / 1000);
  }

  /** Held for a call from its permit on, until it is settled or returned. */
  tokensReserved({ claw, tokens }: { claw: string; tokens: number }): void {
    this.#instruments.reserved.inc({ claw: this.#labels(claw).claw }, tokens);
  }

  /** A call with a permit was dropped before it was sent, or its attempt has ended. */
  permitReturned({ claw, reservedTokens }: { claw: string; reservedTokens: number }): void {
    this.#instruments.reserved.dec({ claw: this.#labels(claw).claw }, reservedTokens);
  }

  overrun({ claw, tokens }: { claw: string; tokens: number }): void {
    this.#instruments.overrun.inc({ claw: this.#labels(claw).claw }, tokens);
  }

  limiterFailed(): void {
    this.#instruments.limiterErrors.inc();
  }

  taskEnded({ claw, state }: { claw: string; state: EndState }): void {
    this.#instruments.tasksEnded.inc({ claw: this.#labels(claw).claw, state });
  }

  cageStarted({ kind, seconds }: { kind: CageKind; seconds: number }): void {
    this.#instruments.cageStart.observe({ kind }, seconds);
  }

  webhookAttempted(outcome: WebhookOutcome): void {
    this.#instruments.webhooks.inc({ outcome });
  }

  linkOpened(): void {
    this.#instruments.links.inc();
  }

  linkClosed(): void {
    this.#instruments.links.dec();
  }

  tasksByState(counts: Readonly<Partial<Record<(typeof OPEN_STATES)[number], number>>>): void {
    for (const state of OPEN_STATES) this.#instruments.tasks.set({ state }, counts[state] ?? 0);
  }

  queueDepth(jobs: number): void {
    this.#instruments.queueDepth.set(jobs);
  }

  /** A task was not accepted, since too many wait. */
  taskRefused(level: 'claw' | 'organisation'): void {
    this.#instruments.refused.inc({ level });
  }

  /** What there is for the next start. */
  roomRead(
    reading: {
      readonly disks: readonly { readonly path: string; readonly freeBytes: number }[];
      readonly memory: { readonly availableBytes: number } | undefined;
    },
    intake: { readonly limit: number },
  ): void {
    const { freeDisk, freeMemory, intakeLimit } = this.#instruments;
    for (const { path, freeBytes } of reading.disks) freeDisk.set({ path }, freeBytes);
    if (reading.memory) freeMemory.set(reading.memory.availableBytes);
    intakeLimit.set(intake.limit);
  }

  /** A Claw's caps and what counts against them now, as the limiter's `window` says it. */
  windowRead(claw: string, caps: Caps, window: { requests: number; tokens: number; waiting: number }): void {
    const labels = { claw: this.#labels(claw).claw };
    const { capTokens, capRequests, windowTokens, windowRequests, waitingCalls } = this.#instruments;
    for (const [gauge, cap] of [
      [capTokens, caps.tokensPerMinute],
      [capRequests, caps.requestsPerMinute],
    ] as const) {
      if (cap === undefined) gauge.remove(labels);
      else gauge.set(labels, cap);
    }
    windowTokens.set(labels, window.tokens);
    windowRequests.set(labels, window.requests);
    waitingCalls.set(labels, window.waiting);
  }

  /** Of all keys and the organisation together: what is not among them is shown no longer. */
  sharedWindowsRead(windows: readonly SharedWindow[]): void {
    const { sharedCapTokens, sharedCapRequests, sharedWindowTokens, sharedWindowRequests } =
      this.#instruments;
    for (const gauge of [sharedCapTokens, sharedCapRequests, sharedWindowTokens, sharedWindowRequests])
      gauge.reset();
    for (const { level, id, caps, requests, tokens } of windows.slice(0, this.#mostShared)) {
      const labels = { level, id };
      if (caps.tokensPerMinute !== undefined) sharedCapTokens.set(labels, caps.tokensPerMinute);
      if (caps.requestsPerMinute !== undefined) sharedCapRequests.set(labels, caps.requestsPerMinute);
      sharedWindowTokens.set(labels, tokens);
      sharedWindowRequests.set(labels, requests);
    }
  }

  #labels(claw: string): { claw: string };
  #labels(claw: string, model: string): { claw: string; model: string };
  #labels(claw: string, model?: string): { claw: string; model?: string } {
    const own = this.#claws.of(claw);
    if (own.isNew) this.#zeroClaw(own.label);
    if (model === undefined) return { claw: own.label };
    const labels = { claw: own.label, model: this.#models.of(model).label };
    this.#zeroModel(labels);
    return labels;
  }

  #zeroClaw(claw: string): void {
    const { overrun, tasksEnded, settled, permits, reserved } = this.#instruments;
    overrun.inc({ claw }, 0);
    reserved.inc({ claw }, 0);
    for (const state of END_STATES) tasksEnded.inc({ claw, state }, 0);
    for (const source of SOURCES) settled.inc({ claw, source }, 0);
    permits.inc({ claw, decision: 'granted', limit: 'none' }, 0);
    for (const limit of [...LIMITS, 'none']) permits.inc({ claw, decision: 'denied', limit }, 0);
  }

  #zeroModel(labels: { claw: string; model: string }): void {
    const { tokens, requests, cachedTokens, reasoningTokens } = this.#instruments;
    for (const direction of ['input', 'output']) tokens.inc({ ...labels, direction }, 0);
    for (const counter of [requests, cachedTokens, reasoningTokens]) counter.inc(labels, 0);
  }

  async #removeSeries(claw: string): Promise<void> {
    for (const metric of Object.values(this.#instruments)) {
      const { values } = await metric.get();
      for (const { labels } of values) {
        if ((labels as { claw?: string }).claw === claw) metric.remove(labels as never);
      }
    }
  }
}
