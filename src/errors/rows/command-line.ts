import type { Row } from '../row.ts';

export const COMMAND_LINE_ERRORS = {
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
    message:
      'A file would be written outside of the folder, or through a link in it: nothing was written there.',
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
