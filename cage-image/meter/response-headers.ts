import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http';
import { OWN_ERROR_HEADER } from './openai-error.ts';
import type { KeyRedactor } from './redact.ts';

/** Hop by hop (RFC 9110 section 7.6.1), or no longer true of the body that passes, or of no use to an agent. */
const STAYS_BEHIND = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'content-length',
  'content-encoding',
  'set-cookie',
  'alt-svc',
  'strict-transport-security',
  OWN_ERROR_HEADER,
]);

/** Ours and the provider's limits are two things: these are told under a name of their own. */
const PROVIDER_LIMITS = /^x-ratelimit-/;
const agentName = (name: string): string => name.replace(PROVIDER_LIMITS, 'x-provider-ratelimit-');

/** The provider's headers as the agent sees them, any echo of the key taken out; its `x-ratelimit-*` as `x-provider-ratelimit-*`. */
export function responseHeaders(headers: IncomingHttpHeaders, redactor: KeyRedactor): OutgoingHttpHeaders {
  const named = new Set((headers.connection ?? '').toLowerCase().split(/\s*,\s*/));
  const passing = Object.entries(headers).filter(([name]) => !STAYS_BEHIND.has(name) && !named.has(name));
  return Object.fromEntries(
    passing.map(([name, value]) => [
      agentName(name),
      Array.isArray(value) ? value.map((v) => redactor.text(v)) : redactor.text(value ?? ''),
    ]),
  );
}
