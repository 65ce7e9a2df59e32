import { basename } from 'node:path';
import type { ChatMessage } from '../chat-request.ts';
import { newestUserText, systemText } from './position.ts';

/** How the built-in agent names what it was given; such a name may hold blanks. */
const GIVEN = /^Files given: (.+)$/gm;
const INBOX = '/work/in';
const QUOTED = /(["'`])(\/work\/in\/[^\n]+?)\1/g;
const BARE = /(?<!["'`\w])\/work\/in\/[^\s"'`,;:()<>[\]{}]+/g;
const FILE_NAME = /(?<![\w/.-])[\w-]+(?:\.[\w-]+)*\.[a-z][a-z0-9]{0,4}(?![\w/-])/gi;

/**
 * The files that a request is about: those under /work/in that the newest user message names (by path or by file name), else those
 * that the system's text names, else all that lie there. As words for a shell, quoted where need be.
 */
export function givenFiles(messages: readonly ChatMessage[]): string[] {
  const asked = newestUserText(messages);
  const paths = [...pathsIn(asked), ...pathsIn(systemText(messages))];
  const unnamed = paths.reduce((text, path) => text.replaceAll(path, ''), asked);
  const names: readonly string[] = unnamed.match(FILE_NAME) ?? [];
  const named = paths.filter((path) => names.includes(basename(path)));
  if (named.length > 0) return shellWords(named);
  if (paths.length > 0) return shellWords(pathsIn(asked).length > 0 ? pathsIn(asked) : paths);
  return names.length > 0 ? shellWords(names.map((name) => `${INBOX}/${name}`)) : [`${INBOX}/*`];
}

function pathsIn(text: string): string[] {
  const given = [...text.matchAll(GIVEN)].flatMap((found) =>
    found[1]!.split(', ').filter((path) => path.startsWith('/')),
  );
  const rest = text.replaceAll(GIVEN, '');
  const quoted = [...rest.matchAll(QUOTED)].map((found) => found[2]!);
  const bare: readonly string[] = rest.match(BARE) ?? [];
  return [...given, ...quoted, ...bare.map((path) => path.replace(/[.!?*]+$/, ''))].filter(
    (path) => !path.endsWith('/'),
  );
}

function shellWords(paths: readonly string[]): string[] {
  return [...new Set(paths)].map((path) =>
    /^[\w/.+-]+$/.test(path) ? path : `'${path.replaceAll("'", String.raw`'\''`)}'`,
  );
}
