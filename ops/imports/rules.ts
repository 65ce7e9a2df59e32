import type { Import, SourceFile } from './read.ts';

export interface Rule {
  readonly name: string;
  readonly because: string;
  readonly forbids: (one: Import) => boolean;
}

export interface Violation {
  readonly rule: string;
  readonly because: string;
  readonly where: string;
  readonly what: string;
}

/** The folders of src in the order of dependency: each imports only itself and what stands before it. */
const SRC = [
  'errors',
  'protocol',
  'secret',
  'sealing',
  'bounds',
  'claw',
  'task',
  'access',
  'limits',
  'vault',
  'runtime',
] as const;

const BUNDLED = ['errors', 'protocol', 'secret', 'sealing', 'bounds'].map((name) => `src/${name}`);
const SHOWN = ['src/errors', 'src/protocol'];

/** What src may use of others: computation only. Sockets, files, timers and SDKs belong to the orchestrator. */
const PURE = new Set([
  'node:assert',
  'node:buffer',
  'node:crypto',
  'node:string_decoder',
  'node:url',
  'node:util',
  '@hpke/core',
  'gpt-tokenizer',
  'ipaddr.js',
  'zod',
]);

/** Packages that one folder keeps to itself; `ops/` and `test/` may use them all. */
const OWNERS: Readonly<Record<string, string>> = {
  bullmq: 'orchestrator/queue',
  dockerode: 'orchestrator/runtimes/docker',
  '@kubernetes/client-node': 'orchestrator/runtimes/kubernetes',
  pg: 'orchestrator/store',
  '@electric-sql/pglite': 'orchestrator/store',
};

const COMPOSE = 'orchestrator/compose.ts';
/** Where parts are put together: the service, and the program that restores a home in which none runs. */
const COMPOSERS = [COMPOSE, 'orchestrator/compose', 'orchestrator/backup-main.ts'];
const CONCRETE = ['orchestrator/queue', 'orchestrator/store', 'orchestrator/limiter'];
// main.ts hands the environment whole to `loadConfig`, which is pure.
const ENVIRONMENT_READERS = [
  'cli',
  'cage-image',
  'provider-sim',
  'ops',
  'bench',
  'test',
  'orchestrator/config.ts',
  'orchestrator/main.ts',
];

const inside = (path: string, ...folders: string[]) =>
  folders.some((folder) => path === folder || path.startsWith(`${folder}/`));
const srcFolder = (path: string) => (inside(path, 'src') ? path.split('/')[1] : undefined);
const runtimeOf = (path: string) => /^orchestrator\/runtimes\/([^/]+)\//.exec(path)?.[1];

export const RULES: readonly Rule[] = [
  {
    name: 'src-order',
    because: `a folder of src imports only itself and those before it: ${SRC.join(', ')}`,
    forbids: ({ from, to }) => {
      const [own, other] = [srcFolder(from), srcFolder(to)] as (typeof SRC)[number][];
      return own !== undefined && other !== undefined && SRC.indexOf(other) > SRC.indexOf(own);
    },
  },
  {
    name: 'src-alone',
    because: 'src says what things mean, and knows nothing of what makes them happen',
    forbids: ({ from, to, kind }) => inside(from, 'src') && kind === 'file' && !inside(to, 'src'),
  },
  {
    name: 'src-pure',
    because: 'src has no sockets, files, timers or SDKs of its own',
    forbids: ({ from, to, kind }) => inside(from, 'src') && kind !== 'file' && !PURE.has(to),
  },
  {
    name: 'cage-boundary',
    because: `no code of the vault can end up in a cage: cage-image imports only itself and ${BUNDLED.join(', ')}`,
    forbids: ({ from, to, kind }) =>
      inside(from, 'cage-image') && kind === 'file' && !inside(to, 'cage-image', ...BUNDLED),
  },
  {
    name: 'dashboard-boundary',
    because: `the dashboard imports only itself and ${SHOWN.join(', ')}`,
    forbids: ({ from, to, kind }) =>
      inside(from, 'dashboard') && kind === 'file' && !inside(to, 'dashboard', ...SHOWN),
  },
  {
    name: 'service-apart',
    because:
      'the service imports only itself, src and ops/image-tags.ts; what runs in a cage, the simulator and the command are other programs',
    forbids: ({ from, to, kind }) =>
      inside(from, 'orchestrator') &&
      kind === 'file' &&
      !inside(to, 'orchestrator', 'src', 'ops/image-tags.ts'),
  },
  {
    name: 'runtimes-apart',
    because: 'a runtime imports no other runtime, nor queue, http or store',
    forbids: ({ from, to }) => {
      const [own, other] = [runtimeOf(from), runtimeOf(to)];
      if (own === undefined) return false;
      return (
        (other !== undefined && other !== own) ||
        inside(to, 'orchestrator/queue', 'orchestrator/http', 'orchestrator/store')
      );
    },
  },
  {
    name: 'compose-alone',
    because: `only ${COMPOSE} names concrete parts; others take types of the queue, the store and the limiter, and the port of the runtimes`,
    forbids: ({ from, to, typeOnly }) => {
      if (!inside(from, 'orchestrator') || COMPOSERS.some((place) => inside(from, place))) return false;
      const runtime = runtimeOf(to);
      if (runtime !== undefined) return runtimeOf(from) === undefined;
      return !typeOnly && CONCRETE.some((folder) => inside(to, folder) && !inside(from, folder));
    },
  },
  {
    name: 'package-owner',
    because: `each of these packages has one folder that imports it: ${Object.keys(OWNERS).join(', ')}`,
    forbids: ({ from, to }) => {
      const owner = OWNERS[to];
      return owner !== undefined && !inside(from, owner, 'ops', 'test', 'bench');
    },
  },
  {
    name: 'test-apart',
    because: 'nothing imports test/ but tests and measurements',
    forbids: ({ from, to }) => inside(to, 'test') && !inside(from, 'test', 'bench'),
  },
];

/** Every violation of the rules, of the single reader of the environment, and of the ban on cycles. */
export function findViolations(files: readonly SourceFile[]): Violation[] {
  return [...files.flatMap(brokenRules), ...files.flatMap(environmentReads), ...findCycles(files)];
}

function brokenRules(file: SourceFile): Violation[] {
  return file.imports.flatMap((one) =>
    RULES.filter((rule) => rule.forbids(one)).map(({ name, because }) => ({
      rule: name,
      because,
      where: `${one.from}:${one.line}`,
      what: one.to,
    })),
  );
}

function environmentReads({ path, environmentReads: lines }: SourceFile): Violation[] {
  if (inside(path, ...ENVIRONMENT_READERS) || /^[^/]+\.config\.ts$/.test(path)) return [];
  const because = 'only orchestrator/config.ts reads the environment of the service';
  return lines.map((line) => ({
    rule: 'environment',
    because,
    where: `${path}:${line}`,
    what: 'process.env',
  }));
}

/** One violation for each cycle that a walk through the files in order comes upon; types count, for a reader meets them too. */
function findCycles(files: readonly SourceFile[]): Violation[] {
  const graph = new Map(
    files.map((file) => [
      file.path,
      [...new Set(file.imports.filter(({ kind }) => kind === 'file').map(({ to }) => to))],
    ]),
  );
  const done = new Set<string>();
  const found: Violation[] = [];
  const visit = (path: string, way: readonly string[]): void => {
    const start = way.indexOf(path);
    if (start >= 0) {
      const what = [...way.slice(start), path].join(' > ');
      found.push({ rule: 'no-cycles', because: 'imports form no cycles', where: path, what });
      return;
    }
    if (done.has(path)) return;
    for (const next of graph.get(path) ?? []) visit(next, [...way, path]);
    done.add(path);
  };
  for (const path of graph.keys()) visit(path, []);
  return found;
}
