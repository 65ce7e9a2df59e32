/**
 * What a record is and whose: the additional authenticated data of its encryption. A record opens only under the
 * binding that it was sealed under, so it cannot be moved to another tenant, purpose, key or version.
 */
export interface Binding {
  readonly kind: 'key' | 'link' | 'input' | 'result';
  readonly organisation: string;
  /** The key's, cage's or task's id. */
  readonly id: string;
  readonly provider?: string;
  readonly version?: number;
}

/** A provider key: `version` grows by one with each rotation of the key. */
export interface KeyBinding {
  readonly organisation: string;
  readonly keyId: string;
  readonly provider: string;
  readonly version: number;
}

/** What waits for or comes out of a task. */
export interface ContentBinding {
  readonly organisation: string;
  readonly task: string;
  readonly kind: 'input' | 'result';
}

/** A cage's link secret. */
export interface LinkBinding {
  readonly organisation: string;
  readonly cage: string;
}

/**
 * One unambiguous form: every field in a fixed order, each preceded by the four bytes (big-endian) of its UTF-8 length, so that no
 * two bindings share their bytes.
 */
export function canonical(purpose: string, binding: Binding): Buffer {
  const { kind, organisation, id, provider = '', version } = binding;
  const fields = [purpose, kind, organisation, id, provider, version === undefined ? '' : String(version)];
  return Buffer.concat(
    fields.flatMap((field) => {
      const bytes = Buffer.from(field, 'utf8');
      const length = Buffer.alloc(4);
      length.writeUInt32BE(bytes.length);
      return [length, bytes];
    }),
  );
}
