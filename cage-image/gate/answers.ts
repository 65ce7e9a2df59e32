import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { toCodedError, type CodedError } from '#errors/coded-error.ts';
import { GATE_LINK_UPGRADE } from '#protocol/gate-reply.ts';

export function sayConnected(stream: Duplex): void {
  stream.write('HTTP/1.1 200 Connection Established\r\n\r\n');
}

export function saySwitched(stream: Duplex): void {
  stream.write(
    `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${GATE_LINK_UPGRADE}\r\n\r\n`,
  );
}

/** The error as JSON, and the end of the stream. */
export function sayError(stream: Duplex, error: unknown): CodedError {
  const coded = toCodedError(error);
  const body = errorBody(coded);
  const head = [
    `HTTP/1.1 ${coded.status} ${STATUS_CODES[coded.status] ?? 'Error'}`,
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
  ];
  stream.end(`${head.join('\r\n')}\r\n\r\n${body}`);
  // Whoever does not read its refusal shall not hold the stream.
  setTimeout(() => stream.destroy(), 2_000).unref();
  return coded;
}

export const errorBody = (error: CodedError): string => JSON.stringify({ error: error.toBody() });
