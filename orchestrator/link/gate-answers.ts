import { get } from 'node:http';
import type { Runtime } from '#runtime/runtime.ts';

const ANSWER_MS = 2_000;

/** Whether the gate runs and answers whom it is there for: one that is paused or hangs is as good as away. Never rejects. */
export async function gateAnswers(runtime: Pick<Runtime, 'gate' | 'gateAlive'>): Promise<boolean> {
  try {
    return (await runtime.gateAlive()) && (await isHealthy(runtime.gate().controller));
  } catch {
    return false;
  }
}

function isHealthy(gate: ReturnType<Runtime['gate']>['controller']): Promise<boolean> {
  const way = 'socket' in gate ? { socketPath: gate.socket } : { host: gate.host, port: gate.port };
  return new Promise((resolve) => {
    get({ ...way, path: '/healthz', agent: false, signal: AbortSignal.timeout(ANSWER_MS) }, (answer) => {
      answer.resume();
      resolve(answer.statusCode === 200);
    }).on('error', () => resolve(false));
  });
}
