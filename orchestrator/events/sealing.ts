import { createCipheriv, createDecipheriv, randomBytes, randomFillSync } from 'node:crypto';
import type { TaskEvent } from '#protocol/live.ts';
import { offHeap } from '#secret/secret.ts';

/** In the place of events that were lost with the one who had them, or that nobody can open. */
export interface Missing {
  readonly kind: 'missing';
}

/** Sealed it is nothing: the release before takes an entry that it cannot open for a hole, and tells of a gap behind it. */
export const MISSING = Buffer.alloc(0);

/** What of an event is content; which task's it is and its id are bound to it, and stand beside it. */
export interface Said {
  /** ISO 8601. */
  readonly at: string;
  readonly event: TaskEvent | Missing;
}

const IV_BYTES = 12;
const TAG_BYTES = 16;
export const EVENTS_KEY_BYTES = 32;

export const newEventsKey = (): Buffer => randomFillSync(offHeap(EVENTS_KEY_BYTES));

/** AES-256-GCM (NIST SP 800-38D): `iv 12 | ciphertext | tag 16`, bound to the task and the id. */
export function sealEvent(key: Buffer, task: string, id: number, said: Said): Buffer {
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv('aes-256-gcm', key, iv, { authTagLength: TAG_BYTES });
  cipher.setAAD(binding(task, id));
  return Buffer.concat([
    iv,
    cipher.update(JSON.stringify(said), 'utf8'),
    cipher.final(),
    cipher.getAuthTag(),
  ]);
}

/** The reverse; throws for anything but that very event of that very task. */
export function openEvent(key: Buffer, task: string, id: number, sealed: Buffer): Said {
  const iv = sealed.subarray(0, IV_BYTES);
  const decipher = createDecipheriv('aes-256-gcm', key, iv, { authTagLength: TAG_BYTES });
  decipher.setAAD(binding(task, id));
  decipher.setAuthTag(sealed.subarray(-TAG_BYTES));
  const text = Buffer.concat([decipher.update(sealed.subarray(IV_BYTES, -TAG_BYTES)), decipher.final()]);
  return JSON.parse(text.toString('utf8')) as Said;
}

const binding = (task: string, id: number): Buffer => Buffer.from(`clawcage/event/1 ${task} ${id}`);
