import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { Books } from './books.ts';
import { certificateIn } from './certificates.ts';
import { keysIn } from './keys.ts';
import { parseLimits } from './key-limits.ts';
import { startProviderSim } from './provider.ts';

const USAGE = `provider-sim/main.ts --dir DIR [--host ADDRESS[,ADDRESS]]... [--port 9443] [--name NAME]... [--key-file FILE]
                     [--models A,B] [--limits requests=N,tokens=N] [--plain]
  --dir       where ca.pem, the certificate, the keys and the books are kept
  --host      addresses to listen on (127.0.0.1); --port 0 takes a free one
  --name      a further name or address for the certificate
  --key-file  keys, one a line (DIR/keys, made with one key at the first start, mode 0600), limits of its own behind a key
  --limits    what each key may do in a minute
  --plain     http without TLS, to stand for a local model server
Prints one line when it is ready: {"url","port","ca","keyFile","books"}. README.md beside this file has the rest.`;

const { values } = parseArgs({
  options: {
    dir: { type: 'string' },
    host: { type: 'string', multiple: true, default: ['127.0.0.1'] },
    port: { type: 'string', default: '9443' },
    name: { type: 'string', multiple: true, default: [] },
    'key-file': { type: 'string' },
    models: { type: 'string' },
    limits: { type: 'string' },
    plain: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

if (values.help || values.dir === undefined) {
  console.error(USAGE);
  process.exit(values.help ? 0 : 2);
}

const dir = resolve(values.dir);
const hosts = values.host.flatMap((host) => host.split(','));
const keyFile = resolve(values['key-file'] ?? join(dir, 'keys'));
const booksFile = join(dir, 'books.jsonl');
const addresses = hosts.filter((host) => host !== '0.0.0.0' && host !== '::');
const certificate = values.plain ? 'plain' : certificateIn(dir, [...addresses, ...values.name]);

const keys = keysIn(keyFile);
const limits = values.limits === undefined ? undefined : parseLimits(values.limits);

const provider = await startProviderSim({
  host: hosts,
  port: Number(values.port),
  keys: keys.keys(),
  limitsOf: (key) => keys.get(key) ?? limits,
  models: values.models?.split(','),
  certificate,
  books: new Books(booksFile),
});

const ca = values.plain ? null : join(dir, 'ca.pem');
console.log(JSON.stringify({ url: provider.url, port: provider.port, ca, keyFile, books: booksFile }));

for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => void provider.close().then(() => process.exit(0)));
