/** What is wrong with a Redis that refuses, in words for people; undefined where it did not say. https://redis.io/docs/latest/develop/reference/protocol-spec/#simple-errors */
export function troubleOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  if (error.message.startsWith('MISCONF'))
    return 'Redis cannot write its log: its disk is full, or cannot be written';
  if (error.message.startsWith('OOM')) return 'Redis has no memory left (maxmemory)';
  if (error.message.startsWith('READONLY')) return 'this Redis is a replica and takes no writes';
  if (error.message.startsWith('LOADING')) return 'Redis is reading its log';
  if (error.message.startsWith('NOAUTH') || error.message.startsWith('WRONGPASS'))
    return 'Redis wants another password: see CLAWCAGE_REDIS_URL';
  return undefined;
}
