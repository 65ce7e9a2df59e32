// Answers one ping, then computes for ever.
import { writeSync } from 'node:fs';
import { Socket } from 'node:net';

new Socket({ fd: 4, readable: true, writable: false }).on('data', () => {
  const busy = [{ what: 'spreadsheet', sinceMs: 1, limitMs: 60_000 }];
  writeSync(3, `${JSON.stringify({ kind: 'pong', busy })}\n`);
  for (;;);
});
