interface PagePlace {
  readonly number: number;
  /** Samples at 48 kHz up to the end of this page. */
  readonly position: number;
  readonly first?: boolean;
  readonly last?: boolean;
}

/** A page of the one logical stream (RFC 3533, section 6); packets of less than 255 bytes. */
export function oggPage(packets: readonly Buffer[], { number, position, first, last }: PagePlace): Buffer {
  const header = Buffer.alloc(27 + packets.length);
  header.write('OggS', 0, 'latin1');
  header[5] = (first === true ? 2 : 0) | (last === true ? 4 : 0);
  header.writeBigUInt64LE(BigInt(position), 6);
  header.writeUInt32LE(1, 14);
  header.writeUInt32LE(number, 18);
  header[26] = packets.length;
  header.set(
    packets.map(({ length }) => length),
    27,
  );
  const page = Buffer.concat([header, ...packets]);
  page.writeUInt32LE(checksum(page), 22);
  return page;
}

/** CRC-32 with the polynomial 04c11db7, neither reflected nor inverted. */
function checksum(bytes: Buffer): number {
  let sum = 0;
  for (const byte of bytes) {
    sum ^= byte << 24;
    for (let bit = 0; bit < 8; bit++) sum = sum & 0x8000_0000 ? (sum << 1) ^ 0x04c1_1db7 : sum << 1;
  }
  return sum >>> 0;
}
