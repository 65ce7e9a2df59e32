import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ROOT } from '../../ops/image-tags.ts';

const WHOLE = [
  'src',
  'orchestrator',
  'cage-image',
  'cli',
  'ops',
  'examples',
  'package.json',
  'package-lock.json',
  'tsconfig.json',
];

/**
 * A checkout of a release after this one: it speaks one more version of the link, has one more migration, and says more in a Claw's document and to its peers than this
 * one knows. Its images are built beside ours. Disposing of it removes the checkout.
 */
export class OtherRelease implements Disposable {
  readonly tree = mkdtempSync(join(tmpdir(), 'clawcage-release-'));

  static async make(): Promise<OtherRelease> {
    const release = new OtherRelease();
    try {
      for (const part of WHOLE) cpSync(join(ROOT, part), join(release.tree, part), { recursive: true });
      symlinkSync(join(ROOT, 'node_modules'), join(release.tree, 'node_modules'));
      release.#become();
      await promisify(execFile)(process.execPath, [join(release.tree, 'ops/images.ts')], {
        cwd: release.tree,
      });
      return release;
    } catch (error) {
      release[Symbol.dispose]();
      throw error;
    }
  }

  #become(): void {
    this.#rewrite('package.json', /"version": "[^"]+"/, '"version": "99.1.0"');
    this.#rewrite(
      'src/protocol/link-versions.ts',
      /newest: (\d+) }/,
      (_, newest) => `newest: ${Number(newest) + 1} }`,
    );
    // A field of the hello that nobody of before knows.
    this.#rewrite(
      'src/protocol/link-messages.ts',
      /versions: z\.optional\(z\.array\(z\.number\(\)\)\),/,
      '$& mood: z.optional(z.string()),',
    );
    this.#rewrite(
      'src/protocol/link-cage.ts',
      /type: 'hello',/,
      "$& ...(this.#version >= TELLS_VERSIONS && { mood: 'good' }),",
    );
    this.#rewrite(
      'orchestrator/store/migrate.ts',
      /MIGRATIONS: Readonly<Record<string, Migration>> = \{/,
      "$& '0099-mood': { up: async (db) => void (await sql`alter table tasks add column mood text not null default 'good'`.execute(db)) },",
    );
  }

  #rewrite(file: string, what: RegExp, by: string | ((whole: string, part: string) => string)): void {
    const path = join(this.tree, file);
    const text = readFileSync(path, 'utf8');
    const anew = text.replace(what, by as string);
    if (anew === text) throw new Error(`${file} has nothing like ${what}.`);
    writeFileSync(path, anew);
  }

  [Symbol.dispose](): void {
    rmSync(this.tree, { recursive: true, force: true });
  }
}
