// Answers each ping, and is at one thing all the while.
import { writeSync } from 'node:fs';
import { Socket } from 'node:net';

new Socket({ fd: 4, readable: true, writable: false }).on('data', () => {
  const busy = [{ what: 'shell', sinceMs: Math.round(performance.now()), limitMs: 1_000 }];
  writeSync(3, `${JSON.stringify({ kind: 'pong', busy })}\n`);
});
