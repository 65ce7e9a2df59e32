import { describe, expect, it } from 'vitest';
import { assertAllowed, decide, type Principal } from '#access/decide.ts';

const principal = (role: Principal['role']): Principal => ({
  organisation: 'ours',
  subject: 'somebody',
  role,
});

describe('access', () => {
  it('lets an owner do everything in the own organisation and nothing in another', () => {
    expect(decide(principal('owner'), 'keys.write', 'ours').allowed).toBe(true);
    expect(decide(principal('owner'), 'keys.read', 'theirs')).toEqual({
      allowed: false,
      reason: 'another organisation',
    });
  });

  it('leaves what concerns all organisations to the operator of the installation', () => {
    for (const role of ['owner', 'admin', 'member', 'viewer'] as const)
      expect(decide(principal(role), 'system.operate', 'ours').allowed).toBe(false);
    expect(decide(principal('operator'), 'system.operate', 'ours').allowed).toBe(true);
    expect(decide(principal('operator'), 'keys.read', 'theirs').allowed).toBe(false);
  });

  it('lets a member run Claws but not change keys, and a viewer only look', () => {
    expect(decide(principal('member'), 'claws.run', 'ours').allowed).toBe(true);
    expect(decide(principal('member'), 'keys.write', 'ours').allowed).toBe(false);
    expect(decide(principal('viewer'), 'claws.run', 'ours').allowed).toBe(false);
    expect(decide(principal('viewer'), 'tasks.read', 'ours').allowed).toBe(true);
  });

  it("does not tell that another organisation's thing exists", () => {
    expect(() => assertAllowed(principal('owner'), 'keys.read', 'theirs')).toThrow(
      expect.objectContaining({ code: 'not_found' }),
    );
    expect(() => assertAllowed(principal('viewer'), 'keys.write', 'ours')).toThrow(
      expect.objectContaining({ code: 'not_allowed' }),
    );
  });
});
