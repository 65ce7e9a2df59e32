import { toCodedError } from '#errors/coded-error.ts';
import { buildGate } from './app.ts';
import { loadGateConfig } from './config.ts';

// The image's build runs each entry once, to fill the compile cache.
if (process.env['CLAWCAGE_BAKE'] === '1') process.exit(0);

try {
  const gate = buildGate(loadGateConfig(process.env));
  const stop = (): void => void gate.close().then(() => process.exit(0));
  process.once('SIGTERM', stop).once('SIGINT', stop);
  const { port } = await gate.listen();
  process.stdout.write(`${JSON.stringify({ msg: 'the gate listens', port })}\n`);
} catch (error) {
  const { code, message, details, cause } = toCodedError(error);
  process.stderr.write(
    `${JSON.stringify({ code, message, details, cause: cause instanceof Error ? cause.message : undefined })}\n`,
  );
  process.exit(1);
}
