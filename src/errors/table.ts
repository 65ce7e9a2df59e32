/**
 * The one table of coded errors. A code is `subject_what`, never used again for another meaning; the message
 * names the remedy; `status` is the HTTP status; `verdict` says what a caller may do about it:
 *
 * - `final`: trying again changes nothing
 * - `retryable`: nothing happened, trying again may succeed
 * - `unknown`: it may have happened; look before doing it again
 */
export type Verdict = 'final' | 'retryable' | 'unknown';

interface Row {
  readonly message: string;
  readonly status: number;
  readonly verdict: Verdict;
}

export const ERRORS = {
  // requests
  request_invalid: {
    message: 'The request is not valid: see details for the field and what it takes.',
    status: 400,
    verdict: 'final',
  },
  request_too_large: { message: 'The request body is larger than the limit.', status: 413, verdict: 'final' },
  not_authenticated: {
    message:
      'No valid token was sent: use "Authorization: Bearer <token>" (CLAWCAGE_HOME/admin-token holds the administrator\'s).',
    status: 401,
    verdict: 'final',
  },
  not_allowed: { message: 'This principal may not do that.', status: 403, verdict: 'final' },
  not_found: { message: 'There is nothing of that name here.', status: 404, verdict: 'final' },
  name_taken: {
    message: 'That name is in use: choose another, or change what bears it.',
    status: 409,
    verdict: 'final',
  },
  conflict: { message: 'That does not fit the present state.', status: 409, verdict: 'final' },
  idempotency_mismatch: {
    message: 'This Idempotency-Key was used with another body within the last 24 h: send a new key.',
    status: 409,
    verdict: 'final',
  },
  internal: {
    message: 'Something went wrong on our side; the log has the request id.',
    status: 500,
    verdict: 'unknown',
  },
  not_ready: {
    message: 'The service is not ready: GET /readyz says which part.',
    status: 503,
    verdict: 'retryable',
  },
  // configuration
  config_invalid: { message: 'The configuration is not valid: see details.', status: 500, verdict: 'final' },
  // keys and the vault
  key_rejected: {
    message: 'The provider rejected this key: check it with the provider, then add it again.',
    status: 422,
    verdict: 'final',
  },
  key_unverified: {
    message:
      'The key could not be verified because the provider could not be reached: check the base URL and the network, or add it with --no-verify.',
    status: 502,
    verdict: 'retryable',
  },
  key_revoked: { message: 'This key is revoked: give the Claw another key.', status: 409, verdict: 'final' },
  key_in_use: { message: 'Claws use this key: give them another first.', status: 409, verdict: 'final' },
  key_plaintext_endpoint: {
    message:
      'An http:// endpoint carries the key in the clear: list its host:port in CLAWCAGE_GATE_ALLOW_HOSTS to allow it.',
    status: 422,
    verdict: 'final',
  },
  vault_record_invalid: {
    message: 'The sealed record does not open: it was altered, or belongs to another tenant or purpose.',
    status: 500,
    verdict: 'final',
  },
  vault_kek_missing: {
    message: 'The key-encryption key of that version is not here: restore it to CLAWCAGE_HOME/kek.',
    status: 500,
    verdict: 'final',
  },
  vault_shredded: {
    message: 'The content key of this record was destroyed: its time was over.',
    status: 410,
    verdict: 'final',
  },
  sealing_failed: {
    message: 'The sealed message does not open with this key pair.',
    status: 500,
    verdict: 'final',
  },
  // claws
  claw_not_deployed: { message: 'The Claw is not deployed: deploy it first.', status: 409, verdict: 'final' },
  claw_deleted: { message: 'The Claw was deleted.', status: 410, verdict: 'final' },
  egress_provider_host: {
    message: "A provider's host may not be on the egress list: the meter alone speaks to it.",
    status: 422,
    verdict: 'final',
  },
  agent_image_unusable: {
    message: 'A cage cannot be made of that image: see details.',
    status: 422,
    verdict: 'final',
  },
  model_unknown: {
    message: 'The provider does not offer this model to this key.',
    status: 422,
    verdict: 'final',
  },
  // tasks
  task_final: { message: 'The task has ended already.', status: 409, verdict: 'final' },
  task_transition: {
    message: 'The task cannot go from its state to that one.',
    status: 409,
    verdict: 'final',
  },
  task_cancelled: { message: 'The task was cancelled.', status: 409, verdict: 'final' },
  task_timed_out: {
    message: 'The task did not end within its time: give it more with --timeout.',
    status: 408,
    verdict: 'final',
  },
  task_orphaned: {
    message: 'The cage lost its controller for longer than the orphan time and ended the task.',
    status: 503,
    verdict: 'retryable',
  },
  function_call_answered: {
    message: 'That call is answered already, or no longer waits.',
    status: 409,
    verdict: 'final',
  },
  image_invalid: {
    message: 'That is no PNG, JPEG, WebP or GIF: see details.',
    status: 422,
    verdict: 'final',
  },
  result_gone: { message: 'The result is no longer kept: its time was over.', status: 410, verdict: 'final' },
  epoch_superseded: {
    message: 'A newer attempt of this task has taken over.',
    status: 409,
    verdict: 'final',
  },
  // the runtime and its cages
  runtime_unavailable: {
    message: 'The container engine does not answer: start it, or check DOCKER_HOST.',
    status: 503,
    verdict: 'retryable',
  },
  runtime_timeout: {
    message: 'The container engine did not answer in time.',
    status: 503,
    verdict: 'unknown',
  },
  runtime_lost: {
    message: 'The connection to the container engine broke before its answer came.',
    status: 503,
    verdict: 'unknown',
  },
  runtime_aborted: {
    message: 'The call to the container engine was given up by who made it.',
    status: 503,
    verdict: 'unknown',
  },
  runtime_refused: { message: 'The container engine refused: see details.', status: 500, verdict: 'final' },
  runtime_unsupported: { message: 'This runtime cannot do that.', status: 501, verdict: 'final' },
  image_missing: {
    message: 'The cage image is not on this engine: run make setup.',
    status: 503,
    verdict: 'final',
  },
  cage_not_found: { message: 'No cage of that name is here.', status: 404, verdict: 'final' },
  cage_foreign: {
    message: 'A container of that name exists that is not of this installation: it is left alone.',
    status: 409,
    verdict: 'final',
  },
  cage_start_failed: { message: 'The cage did not start: see details.', status: 500, verdict: 'retryable' },
  cage_died: { message: 'The cage ended before its task did.', status: 500, verdict: 'retryable' },
  cage_unproven: {
    message:
      'The cage could not prove that the agent cannot read the key, so none was handed over: see details.',
    status: 500,
    verdict: 'final',
  },
  // the link
  link_frame_too_large: { message: 'A frame is larger than the limit.', status: 500, verdict: 'final' },
  link_frame_invalid: { message: 'A frame could not be decoded.', status: 500, verdict: 'final' },
  link_message_unknown: {
    message: 'A message of an unknown type or form came over the link.',
    status: 500,
    verdict: 'final',
  },
  link_version: {
    message: 'The two ends of the link speak different protocol versions.',
    status: 500,
    verdict: 'final',
  },
  link_sequence: {
    message: 'The link lost messages that cannot be replayed.',
    status: 500,
    verdict: 'final',
  },
  link_closed: { message: 'The link to the cage is closed.', status: 503, verdict: 'retryable' },
  link_superseded: {
    message: 'A controller with a newer epoch holds this cage.',
    status: 409,
    verdict: 'final',
  },
  link_unauthenticated: {
    message: 'The other end of the link does not hold its secret.',
    status: 500,
    verdict: 'final',
  },
  link_backlog: {
    message: 'More is waiting for the other end of the link than is kept.',
    status: 503,
    verdict: 'final',
  },
  // the gate
  gate_unavailable: { message: 'The gate does not answer.', status: 503, verdict: 'retryable' },
  gate_capability_invalid: {
    message: 'The capability is missing, forged, malformed or of another installation.',
    status: 403,
    verdict: 'final',
  },
  gate_capability_expired: { message: 'The capability has expired.', status: 403, verdict: 'final' },
  gate_target_denied: {
    message: "That host and port is not on the list: add it to the Claw's egress list.",
    status: 403,
    verdict: 'final',
  },
  gate_address_denied: {
    message:
      'That name leads to a private, loopback, link-local or metadata address: CLAWCAGE_GATE_ALLOW_HOSTS may allow the exact host:port.',
    status: 403,
    verdict: 'final',
  },
  gate_resolve_failed: { message: 'That name could not be resolved.', status: 502, verdict: 'retryable' },
  gate_connect_failed: { message: 'The target could not be connected.', status: 502, verdict: 'retryable' },
  gate_sni_mismatch: {
    message: 'The TLS server name is not the host that the tunnel was opened for.',
    status: 403,
    verdict: 'final',
  },
  gate_not_tls: { message: 'Only TLS may pass this tunnel.', status: 403, verdict: 'final' },
  gate_busy: {
    message: 'The cage has as many connections as it may have.',
    status: 429,
    verdict: 'retryable',
  },
  gate_no_cage: { message: 'No cage of that name is offering its link.', status: 404, verdict: 'retryable' },
  // the meter
  meter_unauthorized: {
    message: 'The loopback endpoint takes the throw-away key of this task only.',
    status: 401,
    verdict: 'final',
  },
  meter_call_refused: {
    message: 'The meter does not let this call pass.',
    status: 403,
    verdict: 'final',
  },
  meter_model_refused: { message: 'This Claw may use its own models only.', status: 403, verdict: 'final' },
  meter_file_unknown: {
    message: 'This task has not made a file of that id: only its own files are here.',
    status: 404,
    verdict: 'final',
  },
  meter_request_invalid: {
    message: 'The request is not valid, or not of the expected form.',
    status: 400,
    verdict: 'final',
  },
  meter_unbounded: {
    message: 'What this call costs cannot be bounded, so it is refused.',
    status: 400,
    verdict: 'final',
  },
  meter_failed: { message: 'The meter ended before the task did.', status: 500, verdict: 'final' },
  // caps
  limit_exceeded: {
    message: 'The cap leaves no room for this call before its deadline.',
    status: 429,
    verdict: 'retryable',
  },
  limit_never_fits: {
    message: 'The upper bound of this call is above the cap: lower max_completion_tokens or raise the cap.',
    status: 400,
    verdict: 'final',
  },
  limiter_unavailable: {
    message: 'The limiter cannot be reached, so no call is permitted.',
    status: 503,
    verdict: 'retryable',
  },
  redis_unavailable: {
    message: 'Redis does not answer: see details; make setup installs it, CLAWCAGE_REDIS_URL names another.',
    status: 503,
    verdict: 'retryable',
  },
  // the provider
  provider_unauthorized: {
    message: 'The provider rejected the key: rotate it with clawcage keys rotate.',
    status: 401,
    verdict: 'final',
  },
  provider_rate_limited: {
    message: 'The provider refused for its rate limit until the deadline.',
    status: 429,
    verdict: 'retryable',
  },
  provider_failed: {
    message: 'The provider answered with an error: see details.',
    status: 502,
    verdict: 'retryable',
  },
  provider_unreachable: { message: 'The provider could not be reached.', status: 502, verdict: 'retryable' },
  // the agent
  agent_failed: { message: 'The agent ended with an error: see details.', status: 500, verdict: 'final' },
  agent_step_limit: {
    message: 'The agent reached its step limit without a final answer.',
    status: 500,
    verdict: 'final',
  },
  agent_refused: { message: 'The model refused.', status: 422, verdict: 'final' },
  agent_answer_cut: {
    message: 'The answer reached its output limit before its end: raise maxOutputTokens, or ask for less.',
    status: 422,
    verdict: 'final',
  },
  agent_answer_invalid: {
    message: 'The answer does not fit the form that was asked for, also after one more try: see details.',
    status: 422,
    verdict: 'final',
  },
  agent_function_unanswered: {
    message: 'Nobody answered the call of a function in time.',
    status: 408,
    verdict: 'final',
  },
  output_too_large: {
    message: 'The files in /work/out are more or larger than a result may hold: see details.',
    status: 422,
    verdict: 'final',
  },
  // webhooks
  webhook_unanswered: {
    message: 'The receiver of the webhook did not answer in time.',
    status: 504,
    verdict: 'retryable',
  },
  webhook_unreachable: {
    message: 'The receiver of the webhook could not be reached, or its certificate is not valid.',
    status: 502,
    verdict: 'retryable',
  },
  // storage
  store_unavailable: { message: 'The database does not answer.', status: 503, verdict: 'retryable' },
  store_locked: {
    message: 'Another process uses this CLAWCAGE_HOME: stop it, or choose another home.',
    status: 503,
    verdict: 'final',
  },
  // the command line
  usage_invalid: {
    message: 'The command line is not valid: --help shows what it takes.',
    status: 400,
    verdict: 'final',
  },
  claw_file_invalid: {
    message: 'What describes the Claws is not valid, so nothing was changed: each line says where and why.',
    status: 400,
    verdict: 'final',
  },
  output_exists: {
    message: 'Files of those names are there already: choose another folder, or overwrite them with --force.',
    status: 409,
    verdict: 'final',
  },
  output_unsafe: {
    message: 'A file would be written outside of the folder, or through a link in it: nothing was written there.',
    status: 422,
    verdict: 'final',
  },
  server_unreachable: {
    message: 'The service does not answer: start it with clawcage up.',
    status: 503,
    verdict: 'retryable',
  },
  reply_invalid: {
    message: 'The answer is not one of this version of the service: check what listens at that address.',
    status: 502,
    verdict: 'final',
  },
  start_failed: { message: 'The service did not start: its log says why.', status: 500, verdict: 'final' },
  port_in_use: {
    message: 'Another program listens on that port: stop it, or choose another port with CLAWCAGE_PORT.',
    status: 500,
    verdict: 'final',
  },
  stop_failed: {
    message: 'The service did not end in time: look at its log, or end the process by its id.',
    status: 500,
    verdict: 'unknown',
  },
} as const satisfies Record<string, Row>;

export type ErrorCode = keyof typeof ERRORS;
