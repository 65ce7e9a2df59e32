import { expect, it } from 'vitest';
import { complete } from '../../../cli/completion/tree.ts';
import { EXIT } from '../../../cli/exit-codes.ts';
import { buildProgram } from '../../../cli/program.ts';
import { placeFrom } from '../../../cli/service/place.ts';
import { PROGRAMS, TestTerminal } from '../../support/cli.ts';

const program = buildProgram({
  terminal: new TestTerminal(),
  place: placeFrom({}),
  programs: PROGRAMS,
  exitCode: EXIT.done,
});

function offered(line: string): unknown {
  const found = complete(program, line.split(' '));
  if (found.kind === 'words') return found.candidates.map(({ word }) => word);
  return found.kind === 'names' ? found.of : found.kind;
}

it.each([
  ['cl', ['claws']],
  ['claws ex', ['export']],
  ['tasks ca', ['cancel', 'calls']],
  ['run writer --pri', ['--priority']],
  ['claws apply --', ['--file', '--dry-run', '--json', '--help']],
  ['usage --by ', ['minute', 'hour', 'day', 'all']],
  ['usage --by day --group ', ['none', 'claw', 'key', 'model', 'task', 'operation']],
  ['completion ', ['bash', 'zsh', 'fish']],
  ['run ', 'claws'],
  ['run --priority 5 ', 'claws'],
  ['run --json ', 'claws'],
  ['run writer ', []],
  ['run writer --file ', 'files'],
  ['run writer --out ', 'files'],
  ['claws apply -f ', 'files'],
  ['claws export one ', 'claws'],
  ['claws create ', []],
  ['claws create new --key ', 'keys'],
  ['keys add new --ca ', 'files'],
  ['keys add ', []],
  ['keys rotate ', 'keys'],
  ['logs ', 'tasks'],
  ['tasks cancel ', 'tasks'],
  ['batch run writer ', 'files'],
  ['batch show ', 'batches'],
  ['limits ', 'claws'],
  ['limits writer --', ['--watch', '--json', '--help']],
  ['limits writer ', []],
  ['limits set --key ', 'keys'],
  ['limits explain ', 'claws'],
  ['limits explain writer ', 'files'],
  ['nonsense ', expect.arrayContaining(['run'])],
])('after "%s" comes %o', (line, expected) => {
  expect(offered(line)).toEqual(expected);
});

it('a group that has a command of its own for names offers both', () => {
  const found = complete(program, ['limits', 's']);
  expect(found).toMatchObject({ kind: 'names', of: 'claws', also: [{ word: 'show' }, { word: 'set' }] });
});

it('the command that the scripts ask is not shown to people', () => {
  expect(program.helpInformation()).not.toMatch(/\bcomplete\b/);
});
