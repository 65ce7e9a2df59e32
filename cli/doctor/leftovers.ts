import { leftoversReply, type Leftover } from '#protocol/api.ts';
import { clientOf, say, writeJson, type Cli } from '../cli.ts';
import { writeTable } from '../terminal/table.ts';
import { seconds } from '../terminal/words.ts';

/** The service looks at its engine, its database and its folders. */
const ANSWER_MS = 60_000;

/** Shows what the reaper would take away, and when. Nothing is removed for it. */
export async function showLeftovers(cli: Cli, json: boolean): Promise<void> {
  const reply = await clientOf(cli).get('/api/v1/doctor/leftovers', leftoversReply, { timeoutMs: ANSWER_MS });
  if (json) return writeJson(cli, reply);
  const { leftovers, more, unseen } = reply;
  const empty = unseen.length === 0 ? 'Nothing is left over.' : 'Nothing is left over where it was looked.';
  writeTable(cli.terminal, {
    headings: ['KIND', 'NAME', 'SEEN FOR', 'GOES', 'WHY'],
    rows: leftovers.map((one) => [
      one.kind.replaceAll('_', ' '),
      one.name,
      seconds(one.ageMs),
      goes(one),
      one.why,
    ]),
    empty,
  });
  if (more > 0) say(cli, `… and ${more} more.`);
  for (const { what, code } of unseen) say(cli, `Not looked at now: ${what} (${code}).`);
}

const goes = ({ dueInMs }: Leftover): string =>
  dueInMs === 0 ? 'in the next round' : `in ${seconds(dueInMs)}`;
