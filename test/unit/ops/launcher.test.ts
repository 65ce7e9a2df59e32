import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ROOT } from '../../../ops/image-tags.ts';

describe('bin/clawcage', () => {
  let folder: string;
  let checkout: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'clawcage launcher '));
    checkout = join(folder, 'check out');
    mkdirSync(join(checkout, 'bin'), { recursive: true });
    mkdirSync(join(checkout, 'node_modules/node/bin'), { recursive: true });
    mkdirSync(join(folder, 'links'));
    copyFileSync(join(ROOT, 'bin/clawcage'), join(checkout, 'bin/clawcage'));
    chmodSync(join(checkout, 'bin/clawcage'), 0o755);
    symlinkSync('../check out/bin/clawcage', join(folder, 'links/first'));
    symlinkSync(join(folder, 'links/first'), join(folder, 'links/clawcage'));
  });

  afterEach(() => rmSync(folder, { recursive: true }));

  const launch = (file: string, ...args: string[]) => spawnSync(file, args, { cwd: '/', encoding: 'utf8' });

  /** Stands in for Node: prints its arguments, one a line, and ends with 7. */
  const giveNode = () =>
    writeFileSync(join(checkout, 'node_modules/node/bin/node'), '#!/bin/sh\nprintf "%s\\n" "$@"\nexit 7\n', {
      mode: 0o755,
    });

  it.each(['check out/bin/clawcage', 'links/first', 'links/clawcage'])(
    'run as %s from anywhere, hands its arguments to the Node of its own checkout',
    (path) => {
      giveNode();
      const { stdout, status } = launch(join(folder, path), 'run', 'my claw', '', '$HOME');
      const expected = [
        '--disable-warning=ExperimentalWarning',
        join(checkout, 'cli/main.ts'),
        'run',
        'my claw',
        '',
        '$HOME',
      ];
      expect(stdout).toBe(`${expected.join('\n')}\n`);
      expect(status).toBe(7);
    },
  );

  it('says what to do where the packages are not installed, and ends with 3', () => {
    const { stderr, status } = launch(join(folder, 'links/clawcage'), 'status');
    expect(stderr).toContain(`run make setup in ${checkout}`);
    expect(status).toBe(3);
  });
});
