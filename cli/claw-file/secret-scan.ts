/**
 * What the keys of well-known services look like. It finds what was pasted by mistake; it is no proof that a text holds no secret.
 */
const KEYS = new RegExp(
  [
    'sk-(?=[A-Za-z_-]*[0-9])[A-Za-z0-9_-]{20,}',
    'AIza[0-9A-Za-z_-]{30,}',
    'gh[pousr]_[A-Za-z0-9]{30,}',
    'github_pat_[A-Za-z0-9_]{30,}',
    'glpat-[A-Za-z0-9_-]{20,}',
    'xox[abeprs]-[A-Za-z0-9-]{10,}',
    'AKIA[0-9A-Z]{16}',
    'hf_[A-Za-z0-9]{30,}',
    'gsk_[A-Za-z0-9]{30,}',
    'npm_[A-Za-z0-9]{30,}',
    'whsec_[A-Za-z0-9+/=]{20,}',
    'clw_[A-Za-z0-9_-]{20,}',
    '-----BEGIN [A-Z ]*PRIVATE KEY-----',
  ]
    .map((form) => `(?<![A-Za-z0-9])(?:${form})`)
    .join('|'),
  'g',
);

export const SECRET_REMEDY =
  'this looks like a secret, and files are copied and committed: take it out, add it with clawcage keys add NAME, and write key: NAME';

/** Where in the text something begins that looks like a secret; the text itself is never quoted. */
export function findSecrets(text: string): number[] {
  return [...text.matchAll(KEYS)].map(({ index }) => index);
}
