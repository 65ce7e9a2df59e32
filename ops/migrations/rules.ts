import { isBefore, parseMigrationName } from '../../orchestrator/store/migration-names.ts';

export interface Problem {
  readonly migration: string;
  readonly statement: string;
  readonly because: string;
}

/** What has to be so that a statement harms no release that does not know it. */
interface Seen {
  /** Tables that this migration made: nobody else uses them yet. */
  readonly tables: ReadonlySet<string>;
  /** Columns, as `table.column`, that it added: what others write leaves them null, or at their default. */
  readonly columns: ReadonlySet<string>;
}

const ANY_TABLE = /^create table (?:if not exists )?("?\w+"?)/;
const ANY_INDEX =
  /^create (unique )?index (?:if not exists )?\w+ on (?:only )?("?\w+"?)(?: using \w+)? ?\(([^)]*)/;
const ALTER = /^alter table (?:only )?("?\w+"?) (.*)$/;
const ADD_COLUMN =
  /^add (?:column )?(?:if not exists )?(?!constraint\b|check\b|unique\b|primary\b|foreign\b|exclude\b)("?\w+"?) (.*)$/;
const ADD_FOREIGN_KEY = /^add (?:constraint \w+ )?foreign key ?\(([^)]*)\)/;
const FILLS = /^(insert into|update) /;

/**
 * Why the statements of a migration are not such that a release which does not know it goes on beside it; none where they only add. It is held to a list of
 * what adds: what stands there nowhere counts as harm.
 */
export function problemsOf(migration: string, statements: readonly string[]): Problem[] {
  const plain = statements
    .flatMap((statement) => plainSql(statement).split(/ ?; ?/))
    .filter((one) => one !== '');
  const seen: Seen = {
    tables: new Set(plain.flatMap((statement) => nameIn(ANY_TABLE.exec(statement)))),
    columns: new Set(plain.flatMap(addedColumns)),
  };
  return plain.flatMap((statement) =>
    harmOf(statement, seen).map((because) => ({ migration, statement, because })),
  );
}

/** Why the names of all migrations do not go together. `release` is the one that they are to be part of. */
export function nameProblems(names: readonly string[], release: string): Problem[] {
  return names.flatMap((name, at) => {
    const parsed = parseMigrationName(name);
    const problem = (because: string): Problem[] => [{ migration: name, statement: '', because }];
    if (parsed === undefined)
      return problem('it is named NNNN-what-it-does, or NNNN-contract-since-X.Y.Z-what-it-does');
    if (parsed.number !== at + 1) return problem(`it is number ${at + 1} in the list`);
    const { contracts } = parsed;
    if (contracts && !isBefore(contracts.since, release))
      return problem(
        `what nobody uses since ${contracts.since} is taken away in a later release than that at the earliest, and this is ${release}`,
      );
    return [];
  });
}

function harmOf(statement: string, seen: Seen): string[] {
  if (ANY_TABLE.test(statement)) return [];
  const index = ANY_INDEX.exec(statement);
  if (index) return indexHarm(index, seen);
  const alter = ALTER.exec(statement);
  if (alter && seen.tables.has(unquoted(alter[1]!))) return [];
  if (alter)
    return actionsOf(alter[2]!).flatMap((action) => actionHarm(unquoted(alter[1]!), action, seen) ?? []);
  if (FILLS.test(statement)) return [];
  return ['it is none of those that only add'];
}

function indexHarm([, unique, table, columns]: RegExpExecArray, seen: Seen): string[] {
  const name = unquoted(table!);
  if (unique === undefined || seen.tables.has(name)) return [];
  return namesIn(columns!).some((column) => seen.columns.has(`${name}.${column}`))
    ? []
    : ['a new unique index on what is there refuses rows that an older release writes'];
}

function actionHarm(table: string, action: string, seen: Seen): string | undefined {
  const column = ADD_COLUMN.exec(action);
  if (column) {
    const required = /\bnot null\b/.test(column[2]!) && !/\bdefault\b|\bgenerated\b/.test(column[2]!);
    if (required) return 'a new column that is not null and has no default refuses rows of an older release';
    return /\bprimary key\b/.test(column[2]!) ? 'a primary key is not changed' : undefined;
  }
  const foreign = ADD_FOREIGN_KEY.exec(action);
  // With one part of it null a foreign key is not looked at: MATCH SIMPLE, the default.
  if (foreign && namesIn(foreign[1]!).some((name) => seen.columns.has(`${table}.${name}`))) return undefined;
  if (action.startsWith('add '))
    return 'a new rule on what is there refuses rows that an older release writes';
  if (/^drop (column )?/.test(action)) return 'it takes away what an older release may use';
  if (action.startsWith('rename ')) return 'an older release uses the name of before';
  if (action.startsWith('alter ')) return 'an older release counts on a column as it was';
  return 'it is none of those that only add';
}

function addedColumns(statement: string): string[] {
  const alter = ALTER.exec(statement);
  if (!alter) return [];
  return actionsOf(alter[2]!).flatMap((action) => {
    const column = ADD_COLUMN.exec(action);
    return column && !/\b(?:not null|default)\b/.test(column[2]!)
      ? [`${unquoted(alter[1]!)}.${unquoted(column[1]!)}`]
      : [];
  });
}

/** The actions of an `alter table`: at the commas that stand in no parentheses. */
function actionsOf(text: string): string[] {
  const actions = [''];
  let depth = 0;
  for (const character of text) {
    if (character === '(') depth++;
    if (character === ')') depth--;
    if (character === ',' && depth === 0) actions.push('');
    else actions[actions.length - 1] += character;
  }
  return actions.map((action) => action.trim());
}

/** In small letters, without comments and the content of quoted texts, with single spaces. */
function plainSql(statement: string): string {
  return statement
    .replaceAll(/--[^\n]*|\/\*[\s\S]*?\*\//g, ' ')
    .replaceAll(/'(?:[^']|'')*'/g, "''")
    .toLowerCase()
    .replaceAll(/\s+/g, ' ')
    .trim();
}

const unquoted = (name: string): string => name.replaceAll('"', '');
const nameIn = (match: RegExpExecArray | null): string[] => (match ? [unquoted(match[1]!)] : []);
const namesIn = (list: string): string[] =>
  list.split(',').map((name) => unquoted(name.trim().split(' ')[0]!));
