import { createHmac, randomFillSync } from 'node:crypto';
import { CodedError } from '#errors/coded-error.ts';
import { offHeap, type Secret } from '#secret/secret.ts';
import { decrypt, encrypt, IV_BYTES, KEY_BYTES, TAG_BYTES } from './aes.ts';
import { canonical, type Binding } from './binding.ts';

/**
 * A record, version 1. Integers are big-endian.
 *
 *   offset  bytes  what
 *        0      1  format version: 1
 *        1      1  who wraps the data key: 1 a key-encryption key, 2 a shredding key
 *        2      4  version of the key-encryption key; 0 for a shredding key
 *        6      8  check value of the wrapping key: tells "another key of that version" from "altered"
 *       14     60  the data key, wrapped: iv 12 | ciphertext 32 | tag 16
 *       74      n  the content: iv 12 | ciphertext | tag 16
 *
 * Both encryptions are AES-256-GCM. The content's additional data is the binding; the wrapped key's is the binding and the first
 * 14 bytes. So wrapping the data key anew leaves the content's bytes as they are.
 */
const HEADER_BYTES = 14;
const WRAPPED_BYTES = IV_BYTES + KEY_BYTES + TAG_BYTES;
const CONTENT_AT = HEADER_BYTES + WRAPPED_BYTES;
const CHECK_AT = 6;
const FORMAT = 1;
const WRAPPERS = ['kek', 'shredding'] as const;

export interface WrappingKey {
  readonly wrapper: (typeof WRAPPERS)[number];
  /** 0 for a shredding key. */
  readonly version: number;
  readonly key: Secret;
}

export interface RecordHeader {
  readonly wrapper: (typeof WRAPPERS)[number];
  readonly version: number;
}

function checkValue(key: Secret): Buffer {
  return createHmac('sha256', key.expose()).update('clawcage/vault/key-check/1').digest().subarray(0, 8);
}

function header(wrapping: WrappingKey): Buffer {
  const bytes = Buffer.alloc(HEADER_BYTES);
  bytes.writeUInt8(FORMAT, 0);
  bytes.writeUInt8(WRAPPERS.indexOf(wrapping.wrapper) + 1, 1);
  bytes.writeUInt32BE(wrapping.version, 2);
  checkValue(wrapping.key).copy(bytes, CHECK_AT);
  return bytes;
}

async function wrap(wrapping: WrappingKey, binding: Binding, dataKey: Buffer): Promise<Buffer> {
  const head = header(wrapping);
  const aad = Buffer.concat([canonical('clawcage/vault/1/wrap', binding), head]);
  return Buffer.concat([head, await encrypt(wrapping.key.expose(), dataKey, aad)]);
}

async function unwrap(wrapping: WrappingKey, binding: Binding, record: Buffer): Promise<Buffer> {
  const head = record.subarray(0, HEADER_BYTES);
  if (!checkValue(wrapping.key).equals(head.subarray(CHECK_AT))) {
    throw wrapping.wrapper === 'kek'
      ? new CodedError('vault_kek_missing', {
          version: wrapping.version,
          reason: 'the key of that version is another',
        })
      : new CodedError('vault_record_invalid');
  }
  const aad = Buffer.concat([canonical('clawcage/vault/1/wrap', binding), head]);
  return decrypt(wrapping.key.expose(), record.subarray(HEADER_BYTES, CONTENT_AT), aad);
}

/** What says which key opens a record. Not yet proven: opening proves it. Throws `vault_record_invalid`. */
export function readHeader(record: Buffer): RecordHeader {
  const wrapper = WRAPPERS[(record[1] ?? 0) - 1];
  if (record.length < CONTENT_AT + IV_BYTES + TAG_BYTES || record[0] !== FORMAT || wrapper === undefined) {
    throw new CodedError('vault_record_invalid');
  }
  return { wrapper, version: record.readUInt32BE(2) };
}

/** Whether it is this very key that wraps a record's data key, and not another of the same version; nothing is opened. */
export function isWrappedBy(key: Secret, record: Buffer): boolean {
  return checkValue(key).equals(record.subarray(CHECK_AT, HEADER_BYTES));
}

/** A record of `plaintext` under a fresh data key, which is wrapped and then overwritten. The plaintext stays the caller's. */
export async function sealRecord(
  wrapping: WrappingKey,
  binding: Binding,
  plaintext: Buffer,
): Promise<Buffer> {
  const dataKey = randomFillSync(offHeap(KEY_BYTES));
  try {
    const content = await encrypt(dataKey, plaintext, canonical('clawcage/vault/1/content', binding));
    return Buffer.concat([await wrap(wrapping, binding, dataKey), content]);
  } finally {
    dataKey.fill(0);
  }
}

/** The plaintext, which is the caller's to wipe; throws `vault_record_invalid`, or `vault_kek_missing` for another key of that version. */
export async function openRecord(wrapping: WrappingKey, binding: Binding, record: Buffer): Promise<Buffer> {
  const dataKey = await unwrap(wrapping, binding, record);
  try {
    return await decrypt(
      dataKey,
      record.subarray(CONTENT_AT),
      canonical('clawcage/vault/1/content', binding),
    );
  } finally {
    dataKey.fill(0);
  }
}

/** The same record under another wrapping key: the content is neither opened nor changed. Throws as `openRecord`. */
export async function rewrapRecord(
  from: WrappingKey,
  to: WrappingKey,
  binding: Binding,
  record: Buffer,
): Promise<Buffer> {
  const dataKey = await unwrap(from, binding, record);
  try {
    return Buffer.concat([await wrap(to, binding, dataKey), record.subarray(CONTENT_AT)]);
  } finally {
    dataKey.fill(0);
  }
}
