import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formFields } from '../../../cage-image/meter/form/form-fields.ts';
import { readForm } from '../../../cage-image/meter/form/read-form.ts';
import { writeForm } from '../../../cage-image/meter/form/write-form.ts';

const TYPE = 'multipart/form-data; boundary=b';
const part = (header: string, content = 'x'): string => `--b\r\n${header}\r\n\r\n${content}\r\n`;
const field = (name: string, content = 'x'): string =>
  part(`Content-Disposition: form-data; name="${name}"`, content);
const read = (body: string, type = TYPE) => readForm(type, Buffer.from(body));

async function sent(form: FormData): Promise<{ type: string; body: Buffer }> {
  const response = new Response(form);
  const type = response.headers.get('content-type') ?? '';
  return { type, body: Buffer.from(await response.arrayBuffer()) };
}

describe('a form', () => {
  test('of any content is read as it was written, and written so that another reader finds the same', async () => {
    const content = fc.uint8Array({ maxLength: 300 });
    await fc.assert(
      fc.asyncProperty(fc.array(content, { minLength: 1, maxLength: 5 }), async (contents) => {
        const parts = contents.map((bytes, index) => ({
          name: `f${index}`,
          content: Buffer.from(bytes),
          filename: 'a.bin',
          type: 'audio/wav',
        }));
        const { contentType, body } = writeForm(parts);
        expect(readForm(contentType, body)).toEqual(parts);
        const other = await new Response(body, { headers: { 'content-type': contentType } }).formData();
        for (const [index, bytes] of contents.entries()) {
          const file = other.get(`f${index}`) as File;
          expect(new Uint8Array(await file.arrayBuffer())).toEqual(bytes);
        }
      }),
      { numRuns: 60 },
    );
  });

  test('of the platform is understood: texts, files, names with quotes and umlauts', async () => {
    const form = new FormData();
    form.append('model', 'whisper-1');
    form.append('file', new File([new Uint8Array([0, 13, 10, 45, 45])], 'grü"ße.wav', { type: 'audio/wav' }));
    const { type, body } = await sent(form);
    const [model, file] = readForm(type, body);
    expect(model).toMatchObject({ name: 'model', content: Buffer.from('whisper-1'), filename: undefined });
    expect(file).toMatchObject({
      name: 'file',
      type: 'audio/wav',
      content: Buffer.from([0, 13, 10, 45, 45]),
    });
    expect(writeForm([file!]).body.toString()).toContain('filename="grü_22ße.wav"');
  });

  test('keeps the end of a long name, by which the provider knows the kind of the file', () => {
    const file = { name: 'file', filename: `${'n'.repeat(250)}.wav`, content: Buffer.from('x') };
    expect(writeForm([file]).body.toString()).toContain('nnn.wav"');
  });

  test('with the name of its file in the extended form is understood (Python’s requests)', () => {
    const name = `Content-Disposition: form-data; name="file"; filename*=utf-8''gr%C3%BC.wav`;
    expect(read(`${part(name)}--b--\r\n`)[0]?.filename).toBe('grü.wav');
  });

  test.each([
    ['no boundary', field('a'), 'multipart/form-data'],
    ['two boundaries', `${field('a')}--b--`, 'multipart/form-data; boundary=b; boundary=c'],
    ['another type', `${field('a')}--b--`, 'application/json'],
    ['something before', `x\r\n${field('a')}--b--`, TYPE],
    ['something after', `${field('a')}--b--\r\n${field('model')}--b--`, TYPE],
    ['no end', field('a'), TYPE],
    ['lines that end in LF', `--b\nContent-Disposition: form-data; name="a"\n\nx\n--b--`, TYPE],
    ['a boundary within a line', `${field('a', 'x\r\n--bb')}--b--`, TYPE],
    ['white space behind a boundary', `${field('a', 'x\r\n--b \r\ny')}--b--`, TYPE],
    ['no name', `${part('Content-Disposition: form-data')}--b--`, TYPE],
    ['a name without quotes', `${part('Content-Disposition: form-data; name=a')}--b--`, TYPE],
    ['two names', `${part('Content-Disposition: form-data; name="a"; name="model"')}--b--`, TYPE],
    ['an escaped name', `${part('Content-Disposition: form-data; name="mo\\del"')}--b--`, TYPE],
    [
      'a header twice',
      `${part('Content-Disposition: form-data; name="a"\r\nContent-Disposition: form-data; name="b"')}--b--`,
      TYPE,
    ],
    ['a folded header', `${part('Content-Disposition: form-data; name="a"\r\n b: c')}--b--`, TYPE],
    [
      'an encoding',
      `${part('Content-Disposition: form-data; name="a"\r\nContent-Transfer-Encoding: base64')}--b--`,
      TYPE,
    ],
  ])('is refused with %s', (_, body, type) => {
    expect(() => read(body, type)).toThrow(expect.objectContaining({ code: 'meter_request_invalid' }));
  });

  test('cannot break out of its header by the name of a file', () => {
    const { body } = writeForm([
      { name: 'file', filename: 'a"\r\nX: y\r\n\r\n', content: Buffer.from(''), type: 'a/b\r\nX: y' },
    ]);
    expect(body.toString()).not.toContain('\r\nX:');
  });
});

describe('the fields of a form', () => {
  const shape = { texts: ['model', 'include[]'], files: ['file'] };
  const fieldsOf = (body: string) => formFields(read(`${body}--b--`), shape);
  const file = part('Content-Disposition: form-data; name="file"; filename="a"');

  test('are understood by name', () => {
    const { texts, files } = fieldsOf(field('model', 'm') + field('include[]', 'logprobs') + file);
    expect([...texts]).toEqual([
      ['model', 'm'],
      ['include[]', 'logprobs'],
    ]);
    expect(files.length).toBe(1);
  });

  test.each([
    ['one that is not known', field('swarm'), 'meter_unbounded', 'swarm'],
    ['one that comes twice', field('model', 'a') + field('model', 'b'), 'meter_request_invalid', 'model'],
    ['a second file', file + file, 'meter_request_invalid', 'file'],
    ['a text for a file', field('file'), 'meter_request_invalid', 'file'],
    [
      'a file for a text',
      part('Content-Disposition: form-data; name="model"; filename="a"'),
      'meter_request_invalid',
      'model',
    ],
  ])('%s is refused', (_, body, code, name) => {
    expect(() => fieldsOf(body)).toThrow(
      expect.objectContaining({ code, details: expect.objectContaining({ field: name }) }),
    );
  });

  test('a text that is not UTF-8 is refused', () => {
    const parts = [{ name: 'model', content: Buffer.from([0xff]) }];
    expect(() => formFields(parts, shape)).toThrow(
      expect.objectContaining({ code: 'meter_request_invalid' }),
    );
  });
});
