import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { splitSecret } from '../../../orchestrator/http/secret-body.ts';

const key = fc.string({
  unit: fc.integer({ min: 0x21, max: 0x7e }).map((code) => String.fromCharCode(code)),
  minLength: 1,
  maxLength: 80,
});

describe('the body that brings a key', () => {
  it('gives the key as bytes and the rest as JSON, whatever stands around it', () => {
    fc.assert(
      fc.property(
        key,
        fc.dictionary(fc.string(), fc.jsonValue()),
        fc.boolean(),
        (secret, others, indented) => {
          const { secret: _, ...rest } = others;
          const text = JSON.stringify(
            { ...rest, secret, nested: { secret: 'not this' } },
            null,
            indented ? 2 : undefined,
          );
          const bytes = Buffer.from(text);
          const body = splitSecret(bytes);
          expect(body.secret?.expose().toString()).toBe(secret);
          expect(body.fields).toMatchObject({ nested: { secret: 'not this' } });
          expect(Object.keys(body.fields as object).length).toBe(
            Object.keys(JSON.parse(text) as object).length,
          );
        },
      ),
    );
  });

  it('leaves no character of the key in the text that is parsed', () => {
    const bytes = Buffer.from('{"name":"a","secret":"sk-\\"quoted\\\\-and-long"}');
    const body = splitSecret(bytes);
    expect(body.secret?.expose().toString()).toBe('sk-"quoted\\-and-long');
    expect(bytes.toString()).toMatch(/^\{"name":"a","secret":"\*+"\}$/);
  });

  it('is not fooled by the word in another string, and takes the last of two', () => {
    const body = splitSecret(
      Buffer.from('{"name":"\\"secret\\":\\"x\\"","secret":"first-one","secret" : "second"}'),
    );
    expect(body.secret?.expose().toString()).toBe('second');
    expect((body.fields as { name: string }).name).toBe('"secret":"x"');
  });

  it('without a key has none, and what is no JSON is refused with a code that repeats nothing', () => {
    expect(splitSecret(Buffer.from('{"name":"a"}')).secret).toBeUndefined();
    expect(splitSecret(Buffer.from('{"secret":12345678}')).secret).toBeUndefined();
    for (const text of ['', '{', '{"secret":"sk-open', '{"secret":"sk-\\u0041"}', '[[[', '"secret"']) {
      try {
        splitSecret(Buffer.from(text));
        expect(text).toBe('"secret"');
      } catch (error) {
        expect(error).toMatchObject({ code: 'request_invalid' });
        expect(JSON.stringify(error)).not.toContain('sk-');
      }
    }
  });

  it('keeps what is not printable in the text, where the schema refuses it', () => {
    const { fields } = splitSecret(Buffer.from('{"secret":"sk with spaces and ünicode"}'));
    expect((fields as { secret: string }).secret).toMatch(/^\*+ \*+ \*+ \*+ [^*]/);
  });
});
