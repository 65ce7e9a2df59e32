const [QUOTE, BACKSLASH] = [0x22, 0x5c];

/**
 * `{…fields,"secret":"…"}` as bytes, for the caller to overwrite after it was sent. The secret is printable ASCII, of which JSON
 * (RFC 8259 section 7) escapes two characters.
 */
export function withSecret(fields: object, secret: Buffer): Buffer {
  const head = Buffer.from(`${JSON.stringify(fields).slice(0, -1)},"secret":"`);
  const escapes = secret.reduce((sum, byte) => sum + (byte === QUOTE || byte === BACKSLASH ? 1 : 0), 0);
  const body = Buffer.alloc(head.length + secret.length + escapes + 2);
  head.copy(body);
  let at = head.length;
  for (const byte of secret) {
    if (byte === QUOTE || byte === BACKSLASH) body[at++] = BACKSLASH;
    body[at++] = byte;
  }
  body.write('"}', at, 'ascii');
  return body;
}
