// The program of the scratch image. With CLAWCAGE_GATE_PORT it is a gate that answers /healthz and takes reports; otherwise it is a
// cage that reads its bootstrap to the end, reports what it got through the gate's socket, and then does what `next` says.
import { createHash } from 'node:crypto';
import { rmSync } from 'node:fs';
import { createServer, request } from 'node:http';

const { CLAWCAGE_GATE_PORT: port, CLAWCAGE_GATE_SOCKET: gateSocket } = process.env;
if (port) gate();
else await cage();

function gate() {
  const reports = new Map();
  const waiting = new Map();
  const answer = (req, res) => {
    const [, kind, cageId] = req.url.split('/');
    if (kind === 'healthz') return res.end('ok');
    if (kind !== 'reports') return res.writeHead(404).end();
    if (req.method === 'POST') return take(cageId, req, res);
    if (reports.has(cageId)) return res.end(reports.get(cageId));
    waiting.set(cageId, [...(waiting.get(cageId) ?? []), res]);
  };
  const take = async (cageId, req, res) => {
    const report = await readAll(req);
    reports.set(cageId, report);
    for (const reader of waiting.get(cageId) ?? []) reader.end(report);
    res.end();
  };
  createServer(answer).listen(Number(port));
  rmSync(gateSocket, { force: true });
  createServer(answer).listen({ path: gateSocket, readableAll: true, writableAll: true });
  process.on('SIGTERM', () => process.exit(0));
}

async function cage() {
  // A cage without a bootstrap does not stay.
  const giveUp = setTimeout(() => process.exit(3), 10_000);
  const got = await readAll(process.stdin);
  clearTimeout(giveUp);
  if (got.length === 0) process.exit(3);
  const { cageId, next } = JSON.parse(got);
  await report(cageId, {
    bytes: got.length,
    sha256: createHash('sha256').update(got).digest('hex'),
    env: process.env,
  });
  if (next?.exit !== undefined) process.exit(next.exit);
  if (next?.hog) for (const kept = []; ;) kept.push(Buffer.alloc(8 << 20, 1));
  setInterval(() => undefined, 60_000);
}

function report(cageId, what) {
  return new Promise((resolve, reject) => {
    const options = { socketPath: '/run/gate/gate.sock', method: 'POST', path: `/reports/${cageId}` };
    request(options, (res) => res.resume().on('end', resolve))
      .on('error', reject)
      .end(JSON.stringify(what));
  });
}

async function readAll(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}
