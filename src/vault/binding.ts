/**
 * What a record is and whose: the additional authenticated data of its encryption. A record opens only under the
 * binding that it was sealed under, so it cannot be moved to another tenant, purpose, key or version.
 */
export interface Binding {
  readonly kind:
    | 'key'
    | 'link'
    | 'webhook'
    | 'input'
    | 'result'
    | 'file'
    | 'events'
    | 'function_result'
    | 'function_calls';
  readonly organisation: string;
  /** The key's, cage's or task's id. */
  readonly id: string;
  readonly provider?: string;
  readonly version?: number;
  /** Of a function's result only: of which call. */
  readonly call?: string;
  /** Of a piece of a file only: which one. */
  readonly piece?: FilePieceBinding;
}

/** Which piece of which file of which attempt, and whether the file ends with it: so that none can take another's place. */
export interface FilePieceBinding {
  readonly path: string;
  readonly epoch: number;
  readonly piece: number;
  readonly last: boolean;
}

/** A provider key: `version` grows by one with each rotation of the key. */
export interface KeyBinding {
  readonly organisation: string;
  readonly keyId: string;
  readonly provider: string;
  readonly version: number;
}

/** What waits for or comes out of a task. */
export type ContentBinding = {
  readonly organisation: string;
  readonly task: string;
} & (
  | {
      /** `events` is the key that seals its live events; `function_calls` those that wait, on their way between orchestrators. */
      readonly kind: 'input' | 'result' | 'events' | 'function_calls';
    }
  | { readonly kind: 'function_result'; readonly call: string }
  | ({ readonly kind: 'file' } & FilePieceBinding)
);

/** What signs the webhooks of an organisation. */
export interface WebhookBinding {
  readonly organisation: string;
}

/** A cage's link secret. */
export interface LinkBinding {
  readonly organisation: string;
  readonly cage: string;
}

/**
 * One unambiguous form: every field in a fixed order, each preceded by the four bytes (big-endian) of its UTF-8 length, so that no
 * two bindings share their bytes. Those of one kind only come behind the others.
 */
export function canonical(purpose: string, binding: Binding): Buffer {
  const { kind, organisation, id, provider = '', version, call, piece } = binding;
  const common = [purpose, kind, organisation, id, provider, version === undefined ? '' : String(version)];
  const fields = [
    ...common,
    ...(call === undefined ? [] : [call]),
    ...(piece === undefined
      ? []
      : [piece.path, String(piece.epoch), String(piece.piece), String(piece.last)]),
  ];
  return Buffer.concat(
    fields.flatMap((field) => {
      const bytes = Buffer.from(field, 'utf8');
      const length = Buffer.alloc(4);
      length.writeUInt32BE(bytes.length);
      return [length, bytes];
    }),
  );
}
