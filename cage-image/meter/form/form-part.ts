/** A part of a form. A file has a name; what else has a content is text. */
export interface FormPart {
  readonly name: string;
  readonly content: Buffer;
  readonly filename?: string | undefined;
  readonly type?: string | undefined;
}
