import { MIGRATIONS } from '../orchestrator/store/migrate.ts';
import { parseMigrationName } from '../orchestrator/store/migration-names.ts';
import { version } from '../orchestrator/version.ts';
import { nameProblems, problemsOf } from './migrations/rules.ts';
import { statementsOf } from './migrations/statements.ts';

// check-migrations.ts - holds every migration to "expand first, contract in a later release" (CONTRIBUTING.md); exit code 1 if one does not keep to it.

const names = Object.keys(MIGRATIONS);
const problems = nameProblems(names, version());
for (const [name, migration] of Object.entries(MIGRATIONS)) {
  if (parseMigrationName(name)?.contracts) continue;
  problems.push(...problemsOf(name, await statementsOf(migration)));
}
for (const { migration, statement, because } of problems)
  console.log(`${migration}: ${because}${statement && `\n  ${statement}`}`);
if (problems.length > 0) {
  console.log(
    'What takes away is a migration of its own, named NNNN-contract-since-X.Y.Z-…, X.Y.Z being the first release that does not use it.',
  );
  process.exitCode = 1;
} else console.log(`${names.length} migrations keep to the rule`);
