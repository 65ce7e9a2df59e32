import { Socket } from 'node:net';
import { encodingOf } from '#bounds/tokens/encoding.ts';
import { openChannel } from './channel.ts';
import { toMeter } from './messages.ts';
import { Meter } from './meter.ts';

/** The warden's end of the socket pair is this process's descriptor 3. When it closes, or says what is not understood, the meter ends. */
const WARDEN_DESCRIPTOR = 3;

async function main(): Promise<void> {
  const channel = openChannel(new Socket({ fd: WARDEN_DESCRIPTOR, readable: true, writable: true }), {
    onMessage: (value) => {
      const message = toMeter.safeParse(value);
      if (!message.success) process.exit(70);
      void started.then((meter) => meter.obey(message.data));
    },
    onEnd: () => process.exit(0),
  });
  const started = Meter.start((message) => channel.send(message));
  await started;
}

// The image is built by running each entry once up to here, which fills the compile cache; with what is loaded only where it is needed, too.
if (process.env['CLAWCAGE_BAKE'] !== '1') await main();
else await Promise.all([encodingOf('o200k_base'), encodingOf('cl100k_base')]);
