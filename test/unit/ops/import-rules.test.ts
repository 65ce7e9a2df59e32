import { describe, expect, it } from 'vitest';
import { readSource } from '../../../ops/imports/read.ts';
import { findViolations } from '../../../ops/imports/rules.ts';

const aliases = { '#errors/*': './src/errors/*', '#task/*': './src/task/*', '#vault/*': './src/vault/*' };

/** The rules that a set of files breaks. */
function broken(files: Record<string, string>): string[] {
  const sources = Object.entries(files).map(([path, text]) => readSource(path, text, aliases));
  return findViolations(sources).map(({ rule }) => rule);
}

describe('the import rules', () => {
  const violations: [rule: string, path: string, text: string][] = [
    ['src-order', 'src/task/state.ts', "import { open } from '#vault/envelope.ts';"],
    ['src-order', 'src/errors/table.ts', "import type { Frame } from '../protocol/frames.ts';"],
    ['src-order', 'src/errors/table.ts', "type Frame = import('../protocol/frames.ts').Frame;"],
    ['src-alone', 'src/task/state.ts', "import { config } from '../../orchestrator/config.ts';"],
    ['src-pure', 'src/limits/caps.ts', "import { connect } from 'node:net';"],
    ['src-pure', 'src/limits/caps.ts', "import { Redis } from 'ioredis';"],
    ['src-pure', 'src/limits/caps.ts', "const { connect } = await import('node:tls');"],
    ['cage-boundary', 'cage-image/meter/main.ts', "import { open } from '#vault/envelope.ts';"],
    ['cage-boundary', 'cage-image/gate/main.ts', "import { ENTRY } from '../../orchestrator/config.ts';"],
    ['dashboard-boundary', 'dashboard/main.tsx', "export { state } from '../src/task/state.ts';"],
    [
      'service-apart',
      'orchestrator/link/dial.ts',
      "import { splice } from '../../cage-image/gate/splice.ts';",
    ],
    ['runtimes-apart', 'orchestrator/runtimes/docker/index.ts', "import { fake } from '../fake/index.ts';"],
    [
      'runtimes-apart',
      'orchestrator/runtimes/docker/index.ts',
      "import type { Queue } from '../../queue/queue.ts';",
    ],
    ['runtimes-apart', 'orchestrator/runtimes/fake/index.ts', "import { app } from '../../http/app.ts';"],
    [
      'runtimes-apart',
      'orchestrator/runtimes/fake/index.ts',
      "import type { Tasks } from '../../store/task-store.ts';",
    ],
    [
      'compose-alone',
      'orchestrator/launch/cage.ts',
      "import type { DockerRuntime } from '../runtimes/docker/index.ts';",
    ],
    ['compose-alone', 'orchestrator/launch/admit.ts', "import { TaskStore } from '../store/task-store.ts';"],
    [
      'compose-alone',
      'orchestrator/http/app.ts',
      "import { type Job, TaskQueue } from '../queue/task-queue.ts';",
    ],
    ['package-owner', 'orchestrator/launch/admit.ts', "import type { Job } from 'bullmq';"],
    ['package-owner', 'orchestrator/reconcile/orphans.ts', "import Docker from 'dockerode';"],
    ['package-owner', 'cli/main.ts', "import { PGlite } from '@electric-sql/pglite/live';"],
    ['test-apart', 'provider-sim/main.ts', "import { redis } from '../test/support/redis.ts';"],
    ['environment', 'orchestrator/compose.ts', 'const home = process.env.CLAWCAGE_HOME;'],
    ['environment', 'orchestrator/compose.ts', "const { HOME } = process['env'];"],
    ['environment', 'src/task/state.ts', "import { env } from 'node:process';"],
  ];
  it.each(violations)('report %s for %s: %s', (rule, path, text) => {
    expect(broken({ [path]: text })).toContain(rule);
  });

  const kept: [path: string, text: string][] = [
    [
      'src/vault/envelope.ts',
      "import { CodedError } from '#errors/coded-error.ts'; import { z } from 'zod';",
    ],
    [
      'src/vault/envelope.ts',
      "import { createHash } from 'node:crypto'; import { other } from './other.ts';",
    ],
    [
      'cage-image/meter/main.ts',
      "import { CodedError } from '#errors/coded-error.ts'; import OpenAI from 'openai';",
    ],
    [
      'orchestrator/compose.ts',
      "import { D } from './runtimes/docker/index.ts'; import { S } from './store/task-store.ts';",
    ],
    ['orchestrator/launch/admit.ts', "import type { TaskStore } from '../store/task-store.ts';"],
    ['orchestrator/launch/admit.ts', "import { type TaskStore } from '../store/task-store.ts';"],
    [
      'orchestrator/runtimes/docker/index.ts',
      "import Docker from 'dockerode'; import { spec } from './spec.ts';",
    ],
    ['orchestrator/queue/task-queue.ts', "import { Queue } from 'bullmq';"],
    [
      'orchestrator/config.ts',
      "const home = process.env['CLAWCAGE_HOME']; import { t } from '../ops/image-tags.ts';",
    ],
    ['cli/main.ts', 'const home = process.env.HOME;'],
    [
      'orchestrator/http/app.ts',
      "const words = 'process.env'; // import { x } from '../../test/support/x.ts'",
    ],
    ['test/unit/a.test.ts', "import { redis } from '../support/redis.ts';"],
  ];
  it.each(kept)('let %s be: %s', (path, text) => {
    expect(broken({ [path]: text })).toEqual([]);
  });

  it('report a cycle once, however long it is and wherever the walk begins', () => {
    const cycle = {
      'orchestrator/link/a.ts': "import { b } from './b.ts';",
      'orchestrator/link/b.ts': "export * from './c.ts';",
      'orchestrator/link/c.ts': "import type { A } from './a.ts';",
      'orchestrator/link/d.ts': "import { a } from './a.ts';",
    };
    expect(broken(cycle)).toEqual(['no-cycles']);
    expect(broken(Object.fromEntries(Object.entries(cycle).toReversed()))).toEqual(['no-cycles']);
  });

  it('name the file, the line and what it imports', () => {
    const source = readSource('src/task/state.ts', "\n\nimport { open } from '#vault/envelope.ts';", aliases);
    expect(findViolations([source])).toMatchObject([
      { where: 'src/task/state.ts:3', what: 'src/vault/envelope.ts', rule: 'src-order' },
    ]);
  });

  it('refuse a file that does not parse, rather than passing it', () => {
    expect(() => readSource('src/task/state.ts', 'import {', aliases)).toThrow('src/task/state.ts');
  });
});
