import type { Row } from '../row.ts';

export const STORAGE_ERRORS = {
  store_unavailable: { message: 'The database does not answer.', status: 503, verdict: 'retryable' },
  store_locked: {
    message: 'Another process uses this CLAWCAGE_HOME: stop it, or choose another home.',
    status: 503,
    verdict: 'final',
  },
  store_full: {
    message:
      'The disk that holds the database is full: make room. What was accepted is kept, and work goes on by itself when there is room.',
    status: 507,
    verdict: 'retryable',
  },
  store_corrupt: {
    message:
      'The database is damaged, and nothing was changed in it: restore a backup into another home (clawcage restore), or see docs/storage.md.',
    status: 503,
    verdict: 'final',
  },
  home_damaged: {
    message:
      'A file of CLAWCAGE_HOME is not whole: put it back from a copy; docs/storage.md says what each is for and what goes without it.',
    status: 503,
    verdict: 'final',
  },
  backup_damaged: {
    message: 'The backup is cut off or was altered: take another one. Nothing was restored.',
    status: 422,
    verdict: 'final',
  },
  backup_newer: {
    message: 'The backup is of a later release: restore it with that release. Nothing was restored.',
    status: 422,
    verdict: 'final',
  },
  restore_not_empty: {
    message:
      'There is something already where the backup was to be restored: name an empty home, and an empty database.',
    status: 409,
    verdict: 'final',
  },
  store_newer: {
    message:
      'A later release has taken away tables or columns that this one needs: start that release, or restore a backup from before it.',
    status: 503,
    verdict: 'final',
  },
  release_newer: {
    message: 'A later release wrote this, and this one cannot read it: ask an orchestrator of that release.',
    status: 503,
    verdict: 'retryable',
  },
  lease_lost: {
    message: 'This orchestrator was silent for too long: another acts in its place.',
    status: 503,
    verdict: 'retryable',
  },
  peer_silent: {
    message: 'The orchestrator that has this task does not answer now: try again.',
    status: 503,
    verdict: 'retryable',
  },
} as const satisfies Record<string, Row>;
