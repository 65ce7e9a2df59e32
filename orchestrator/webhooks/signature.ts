import { Webhook } from 'standardwebhooks';
import type { Secret } from '#secret/secret.ts';

/**
 * The headers of one attempt by Standard Webhooks (https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md):
 * a signature for each secret, the newest first. `at` is the attempt's time: receivers refuse what is more than five minutes off.
 */
export function signedHeaders(
  id: string,
  at: Date,
  body: string,
  secrets: readonly Secret[],
): Readonly<Record<string, string>> {
  const signatures = secrets.map((secret) =>
    new Webhook(secret.expose(), { format: 'raw' }).sign(id, at, body),
  );
  return {
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
    'webhook-signature': signatures.join(' '),
  };
}
