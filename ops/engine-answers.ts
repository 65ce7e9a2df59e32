import { setTimeout } from 'node:timers/promises';
import { engine } from './images/engine.ts';

// Exit code 0 if the container engine answers within 3 s, else 1: for the shell scripts, which may have no client.
const answers = await Promise.race([
  engine.ping().then(
    () => true,
    () => false,
  ),
  setTimeout(3_000, false),
]);
process.exit(answers ? 0 : 1);
