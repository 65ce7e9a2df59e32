import { describe, expect, it } from 'vitest';
import { Secret } from '#secret/secret.ts';
import { masked } from '#vault/masked.ts';

describe('the masked form of a key', () => {
  it.each([
    ['sk-abcdefghijklmnopqrx7Qd', 'sk-…x7Qd'],
    ['sk-proj-abcdefghijklmnopqrx7Qd', 'sk-…x7Qd'],
    ['xai-abcdefghijklmnopqrx7Qd', 'xai-…x7Qd'],
    ['abcdefghijklmnopqrstuvwx7Qd', '…x7Qd'],
    ['550e8400-e29b-41d4-a716-446655440000', '…0000'],
    ['abcdefgh-jklmnopqrstuvwxyz', '…wxyz'],
  ])('shows %s as %s', (key, form) => {
    expect(masked(Secret.fromText(key))).toBe(form);
  });

  it('shows nothing of a short key', () => {
    expect(masked(Secret.fromText('sk-abcdefghijklmn19'))).toBe('…');
    expect(masked(Secret.fromText('sk-abcdefghijklmno20'))).toBe('sk-…no20');
  });
});
