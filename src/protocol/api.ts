/** Wire types of the HTTP API under /api/v1, a file a subject. Times are ISO 8601 in UTC; sizes in bytes; an unknown field is an error. */
export * from './api/common.ts';
export * from './api/keys.ts';
export * from './api/claws.ts';
export * from './api/tasks.ts';
export * from './api/batches.ts';
export * from './api/usage.ts';
export * from './api/limits.ts';
export * from './api/webhooks.ts';
export * from './api/status.ts';
export * from './api/doctor.ts';
