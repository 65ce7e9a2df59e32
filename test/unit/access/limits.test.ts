import { describe, expect, it } from 'vitest';
import { decide, ROLES } from '#access/decide.ts';

const may = (role: (typeof ROLES)[number], action: 'limits.write' | 'usage.read'): boolean =>
  decide({ organisation: 'ours', subject: 'somebody', role }, action, 'ours').allowed;

describe('the limits of an organisation', () => {
  it('are changed by who answers for it, and by nobody else', () => {
    expect(ROLES.filter((role) => may(role, 'limits.write'))).toEqual(['operator', 'owner', 'admin']);
  });

  it('are seen by all in it', () => {
    expect(ROLES.filter((role) => may(role, 'usage.read'))).toEqual([...ROLES]);
  });
});
