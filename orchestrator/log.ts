import { join } from 'node:path';
import { pino, type Logger } from 'pino';
import { LogFile } from './log-file.ts';

export type Log = Pick<Logger, 'debug' | 'info' | 'warn' | 'error'>;

/** The service's log: ids, counts and codes only, as JSON lines in CLAWCAGE_HOME/log/orchestrator.log. */
export function openLog(home: string, level: string): Logger {
  const file = new LogFile(
    join(home, 'log', 'orchestrator.log'),
    (lines) =>
      `${JSON.stringify({ level: 40, time: new Date().toISOString(), lines, msg: 'log lines were lost' })}\n`,
  );
  return pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, file);
}
