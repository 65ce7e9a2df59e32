/** What is wrong with a Redis that refuses, in words for people; undefined where it did not say. https://redis.io/docs/latest/develop/reference/protocol-spec/#simple-errors */
export function troubleOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  return TROUBLES.find(([says]) => says.test(error.message))?.[1];
}

const TROUBLES: readonly (readonly [RegExp, string])[] = [
  [/^MISCONF/, 'Redis cannot write its log: its disk is full, or cannot be written'],
  [/^OOM/, 'Redis has no memory left (maxmemory)'],
  // Ours: see readIdentity.
  [/^EVICTS/, 'Redis may throw keys out when its memory is full: set its maxmemory-policy to noeviction'],
  [/^READONLY/, 'this Redis is a replica and takes no writes'],
  [/^MASTERDOWN/, 'this Redis is a replica that has lost its master'],
  [/^LOADING/, 'Redis is reading its log'],
  [/^CLUSTERDOWN/, 'the Redis cluster is down'],
  [/^(NOAUTH|WRONGPASS)/, 'Redis wants another password: see CLAWCAGE_REDIS_URL'],
  // What the client says, not Redis.
  [/^Command timed out/, 'Redis does not answer in time'],
  [/^(connect |Connection is closed|read ECONN|write E)/, 'Redis cannot be reached'],
];
