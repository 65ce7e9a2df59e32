import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

/**
 * Every metric, with its labels. Names by https://prometheus.io/docs/practices/naming/; what each means is its help text. Labels
 * are few and bounded: no user, task, call or request.
 */
export function createInstruments(register: Registry) {
  const registers = [register];
  const counter = <T extends string>(name: string, help: string, ...labelNames: T[]) =>
    new Counter({ name, help, labelNames, registers });
  const gauge = <T extends string>(name: string, help: string, ...labelNames: T[]) =>
    new Gauge({ name, help, labelNames, registers });
  return {
    tokens: counter(
      'clawcage_tokens_total',
      'Tokens that the provider reported.',
      'claw',
      'model',
      'direction',
    ),
    cachedTokens: counter(
      'clawcage_cached_input_tokens_total',
      'Input tokens that the provider had cached, a part of its input.',
      'claw',
      'model',
    ),
    reasoningTokens: counter(
      'clawcage_reasoning_tokens_total',
      'Output tokens spent on reasoning, a part of the output.',
      'claw',
      'model',
    ),
    requests: counter('clawcage_requests_total', 'Calls that reached the provider.', 'claw', 'model'),
    settled: counter(
      'clawcage_tokens_settled_total',
      'Tokens that calls were charged at their end, by where the figure comes from.',
      'claw',
      'source',
    ),
    overrun: counter(
      'clawcage_overrun_tokens_total',
      'Tokens above what was reserved. Above 0 a cap may not have held.',
      'claw',
    ),
    permits: counter(
      'clawcage_permits_total',
      'Decisions about permits, by the limit that denied.',
      'claw',
      'decision',
      'limit',
    ),
    permitWait: new Histogram({
      name: 'clawcage_permit_wait_seconds',
      help: 'How long calls waited for the decision about their permit.',
      labelNames: ['decision'] as const,
      buckets: [0.005, 0.05, 0.25, 1, 5, 15, 30, 60, 120, 300],
      registers,
    }),
    reserved: gauge('clawcage_tokens_reserved', 'Tokens held for calls that have not ended.', 'claw'),
    limiterErrors: counter(
      'clawcage_limiter_errors_total',
      'Commands of the limiter that Redis did not answer.',
    ),
    tasks: gauge('clawcage_tasks', 'Tasks that have not ended, by state.', 'state'),
    tasksEnded: counter('clawcage_tasks_ended_total', 'Tasks that ended, by state.', 'claw', 'state'),
    queueDepth: gauge('clawcage_queue_depth', 'Jobs that wait for a worker.'),
    refused: counter(
      'clawcage_tasks_refused_total',
      'Tasks and batches that were not accepted since too many wait, by whose bound.',
      'level',
    ),
    freeDisk: gauge('clawcage_free_disk_bytes', 'Free bytes where home and engine keep their data.', 'path'),
    freeMemory: gauge(
      'clawcage_available_memory_bytes',
      'Memory of this machine that cages could still use.',
    ),
    intakeLimit: gauge(
      'clawcage_intake_limit',
      'Cages that may be started at once; below 4 while the engine is slow.',
    ),
    cageStart: new Histogram({
      name: 'clawcage_cage_start_seconds',
      help: 'From the wish for a cage to its link, by where the cage came from.',
      labelNames: ['kind'] as const,
      buckets: [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30],
      registers,
    }),
    links: gauge('clawcage_links', 'Open links to cages.'),
    capTokens: gauge(
      'clawcage_cap_tokens_per_minute',
      'Cap of tokens in any 60 s; absent where there is none.',
      'claw',
    ),
    capRequests: gauge(
      'clawcage_cap_requests_per_minute',
      'Cap of requests in any 60 s; absent where there is none.',
      'claw',
    ),
    windowTokens: gauge('clawcage_window_tokens', 'Tokens that count against the cap now.', 'claw'),
    windowRequests: gauge('clawcage_window_requests', 'Requests that count against the cap now.', 'claw'),
    waitingCalls: gauge('clawcage_waiting_calls', 'Calls that wait for a permit.', 'claw'),
    sharedCapTokens: gauge(
      'clawcage_shared_cap_tokens_per_minute',
      'Cap of tokens in any 60 s of a key or the organisation; absent where there is none.',
      'level',
      'id',
    ),
    sharedCapRequests: gauge(
      'clawcage_shared_cap_requests_per_minute',
      'Cap of requests in any 60 s of a key or the organisation; absent where there is none.',
      'level',
      'id',
    ),
    sharedWindowTokens: gauge(
      'clawcage_shared_window_tokens',
      'Tokens that count now against the cap of a key or the organisation.',
      'level',
      'id',
    ),
    sharedWindowRequests: gauge(
      'clawcage_shared_window_requests',
      'Requests that count now against the cap of a key or the organisation.',
      'level',
      'id',
    ),
    webhooks: counter(
      'clawcage_webhook_attempts_total',
      'Attempts to deliver a webhook, by what came of them.',
      'outcome',
    ),
    folded: counter(
      'clawcage_folded_labels_total',
      'Events whose Claw or model is shown as "other", since there are too many.',
      'label',
    ),
    scrapeErrors: counter(
      'clawcage_scrape_errors_total',
      'Figures that could not be read when they were asked for.',
    ),
  };
}

export type Instruments = ReturnType<typeof createInstruments>;
