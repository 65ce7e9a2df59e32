import { readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { parseSync, Visitor } from 'oxc-parser';

/** One import statement, re-export, `import()` or type import of a file. */
export interface Import {
  readonly from: string;
  /** A path from the root of the checkout, `node:<name>`, or the name of a package. */
  readonly to: string;
  readonly kind: 'file' | 'builtin' | 'package';
  /** Nothing of it is left at run time. */
  readonly typeOnly: boolean;
  readonly line: number;
}

export interface SourceFile {
  readonly path: string;
  readonly imports: readonly Import[];
  /** The lines that read the environment of the process. */
  readonly environmentReads: readonly number[];
}

/** The `imports` map of package.json: `#errors/*` to `./src/errors/*`. */
export type Aliases = Readonly<Record<string, string>>;

export function readAliases(root: string): Aliases {
  return (JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { imports: Aliases }).imports;
}

/** Reads what one TypeScript file imports; a file that does not parse is an error. */
export function readSource(path: string, text: string, aliases: Aliases): SourceFile {
  const { program, errors } = parseSync(path, text);
  if (errors.length > 0) throw new Error(`${path}: ${errors[0]?.message}`);
  const imports: Import[] = [];
  const environmentReads: number[] = [];
  const lineOf = (offset: number) => text.slice(0, offset).split('\n').length;
  const add = (specifier: string, typeOnly: boolean, offset: number) =>
    imports.push({ from: path, ...resolve(path, specifier, aliases), typeOnly, line: lineOf(offset) });

  new Visitor({
    ImportDeclaration({ source, importKind, specifiers, start }) {
      const types = specifiers.filter((one) => one.type === 'ImportSpecifier' && one.importKind === 'type');
      add(
        source.value,
        importKind === 'type' || (types.length > 0 && types.length === specifiers.length),
        start,
      );
      const names = specifiers.flatMap((one) =>
        one.type === 'ImportSpecifier' ? [nameOf(one.imported)] : [],
      );
      if (/^(node:)?process$/.test(source.value) && names.includes('env'))
        environmentReads.push(lineOf(start));
    },
    ExportNamedDeclaration({ source, exportKind, start }) {
      if (source) add(source.value, exportKind === 'type', start);
    },
    ExportAllDeclaration({ source, exportKind, start }) {
      add(source.value, exportKind === 'type', start);
    },
    ImportExpression({ source, start }) {
      if (source.type === 'Literal' && typeof source.value === 'string') add(source.value, false, start);
    },
    TSImportType({ source, start }) {
      add(source.value, true, start);
    },
    MemberExpression({ object, property, start }) {
      const name =
        property.type === 'Identifier'
          ? property.name
          : property.type === 'Literal'
            ? property.value
            : undefined;
      if (object.type === 'Identifier' && object.name === 'process' && name === 'env')
        environmentReads.push(lineOf(start));
    },
  }).visit(program);
  return { path, imports, environmentReads };
}

function nameOf(exported: { type: string; name?: string; value?: unknown }): string {
  return exported.name ?? String(exported.value);
}

function resolve(from: string, specifier: string, aliases: Aliases): Pick<Import, 'to' | 'kind'> {
  if (specifier.startsWith('.')) return { to: posix.join(posix.dirname(from), specifier), kind: 'file' };
  if (specifier.startsWith('node:')) return { to: specifier, kind: 'builtin' };
  for (const [alias, target] of Object.entries(aliases)) {
    const prefix = alias.slice(0, alias.indexOf('*'));
    if (specifier.startsWith(prefix)) {
      return { to: posix.normalize(target.replace('*', specifier.slice(prefix.length))), kind: 'file' };
    }
  }
  const parts = specifier.split('/');
  return {
    to: specifier.startsWith('@') ? parts.slice(0, 2).join('/') : (parts[0] ?? specifier),
    kind: 'package',
  };
}
