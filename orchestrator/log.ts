import { join } from 'node:path';
import { pino, type Logger } from 'pino';

export type Log = Pick<Logger, 'debug' | 'info' | 'warn' | 'error'>;

/** The service's log: ids, counts and codes only, as JSON lines in CLAWCAGE_HOME/log/orchestrator.log. */
export function openLog(home: string, level: string): Logger {
  const destination = pino.destination({
    dest: join(home, 'log', 'orchestrator.log'),
    mkdir: true,
    sync: false,
    mode: 0o600,
  });
  return pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, destination);
}
