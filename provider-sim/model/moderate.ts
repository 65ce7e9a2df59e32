/** Words that raise a flag, by category, where they begin a word. */
const WORDS: Record<string, RegExp | undefined> = {
  harassment: /\b(idiot|stupid fool|loser)/i,
  'harassment/threatening': /\bi will (hurt|find) you/i,
  hate: /\bhate (them|those|all)/i,
  'hate/threatening': undefined,
  illicit: /\b(shoplift|counterfeit)/i,
  'illicit/violent': /\b(build|make) a bomb/i,
  'self-harm': /\bself-harm|\bsuicid/i,
  'self-harm/instructions': undefined,
  'self-harm/intent': undefined,
  sexual: /\b(sexual|porn)/i,
  'sexual/minors': undefined,
  violence: /\b(kill|murder|stab|bomb)/i,
  'violence/graphic': /\b(gore|dismember)/i,
};
const OF_IMAGES = /^(self-harm|sexual$|violence)/;
const FLAGGED_SCORE = 0.97;
const OTHER_SCORE = 0.0001;

export interface Judged {
  readonly text: string;
  readonly image: boolean;
}

/** One result of a moderation, by the words of the text; pictures are never flagged. */
export function moderate({ text, image }: Judged): object {
  const flags = Object.entries(WORDS).map(([name, words]) => [name, words?.test(text) ?? false] as const);
  const each = <T>(value: (name: string, flagged: boolean) => T) =>
    Object.fromEntries(flags.map(([name, flagged]) => [name, value(name, flagged)]));
  return {
    flagged: flags.some(([, flagged]) => flagged),
    categories: each((_, flagged) => flagged),
    category_scores: each((_, flagged) => (flagged ? FLAGGED_SCORE : OTHER_SCORE)),
    category_applied_input_types: each((name) => [
      ...(text === '' ? [] : ['text']),
      ...(image && OF_IMAGES.test(name) ? ['image'] : []),
    ]),
  };
}
