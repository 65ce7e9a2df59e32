import { text } from 'node:stream/consumers';
import { z } from 'zod';
import { CodedError, toCodedError } from '#errors/coded-error.ts';
import { restoreKeks, saveKeks } from './backup/kek-file.ts';
import { restore } from './backup/restore.ts';
import { fillStore } from './store/restored-store.ts';

/** What is asked of it comes on stdin, since an address of a database may hold a password, and arguments are seen by everybody. */
const order = z.discriminatedUnion('do', [
  z.strictObject({ do: z.literal('save-keks'), home: z.string(), file: z.string() }),
  z.strictObject({ do: z.literal('restore-keks'), home: z.string(), file: z.string() }),
  z.strictObject({
    do: z.literal('restore'),
    file: z.string(),
    home: z.string(),
    keks: z.string().optional(),
    databaseUrl: z.string().optional(),
    sameInstall: z.boolean(),
  }),
]);

const log = {
  warn: (facts: object, message?: string) => void console.error(message, JSON.stringify(facts)),
};

async function run(): Promise<object> {
  const given = order.parse(JSON.parse(await text(process.stdin)));
  if (given.do === 'save-keks') return { versions: await saveKeks(given.home, given.file) };
  if (given.do === 'restore-keks') return { versions: await restoreKeks(given.file, given.home) };
  return restore(given, { fillStore, log: log as never });
}

/** One line of JSON on stdout: what was done, or `{"error":…}`. */
try {
  process.stdout.write(`${JSON.stringify({ done: await run() })}\n`);
} catch (error) {
  const coded = toCodedError(error);
  const cause = coded.code === 'internal' ? { reason: (coded.cause as Error | undefined)?.message } : {};
  const body = new CodedError(coded.code, { ...coded.details, ...cause }).toBody();
  process.stdout.write(`${JSON.stringify({ error: body })}\n`);
  process.exitCode = 1;
}
