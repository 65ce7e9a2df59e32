import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { CodedError, fromBody, toCodedError } from '#errors/coded-error.ts';
import { ERRORS } from '#errors/table.ts';

describe('the table of errors', () => {
  it('has codes of the form subject_what, and messages that are whole sentences', () => {
    for (const [code, { message, status }] of Object.entries(ERRORS)) {
      expect(code).toMatch(/^[a-z]+(_[a-z]+)*$/);
      expect(message, code).toMatch(/^[A-Z].*[.)]$/);
      expect(status, code).toBeGreaterThanOrEqual(400);
    }
  });

  it('has every code of every subject, each in one of them', async () => {
    const folder = new URL('../../../src/errors/rows/', import.meta.url);
    const subjects = await Promise.all(
      readdirSync(folder).map(
        (file) => import(new URL(file, folder).href) as Promise<Record<string, object>>,
      ),
    );
    const codes = subjects.flatMap((subject) => Object.values(subject)).flatMap(Object.keys);
    expect(codes.toSorted()).toEqual(Object.keys(ERRORS).toSorted());
  });

  it('carries an error over a wire and back', () => {
    const error = new CodedError('gate_target_denied', { host: 'example.org' });
    expect(fromBody(JSON.parse(JSON.stringify(error.toBody()))).toBody()).toEqual(error.toBody());
  });

  it('turns what is not coded, or not known, into internal', () => {
    expect(toCodedError(new TypeError('x')).code).toBe('internal');
    expect(fromBody({ code: 'from_the_future' }).code).toBe('internal');
  });
});
