/** Words that are one token each in o200k_base, with and without a blank before them. */
const WORDS = [
  'the',
  'river',
  'runs',
  'down',
  'to',
  'the',
  'sea',
  'and',
  'the',
  'wind',
  'goes',
  'with',
  'it',
  'all',
  'day',
  'long',
];

/** A text of exactly so many tokens. */
export function filler(tokens: number): string {
  return Array.from({ length: tokens }, (_, at) => WORDS[at % WORDS.length]).join(' ');
}
