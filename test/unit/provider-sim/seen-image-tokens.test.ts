import { describe, expect, it } from 'vitest';
import { stripesPng } from '../../../provider-sim/media/png.ts';
import { seenImageTokens } from '../../../provider-sim/media/seen-image-tokens.ts';
import { promptTokens } from '../../../provider-sim/prompt-tokens.ts';

const size = (text: string) => {
  const [width = 0, height = 0] = text.split('x').map(Number);
  return { width, height };
};

describe('the tokens of a picture', () => {
  // The examples of OpenAI's page, and the edges around them.
  it.each([
    ['gpt-4o', '1024x1024', 'high', 765],
    ['gpt-4o', '2048x4096', 'high', 1105],
    ['gpt-4o', '4096x8192', 'low', 85],
    ['gpt-4o', '512x512', 'auto', 255],
    ['gpt-4o', '513x512', 'auto', 425],
    ['gpt-4o', '20000x10', 'high', 85 + 4 * 170],
    ['gpt-4o-mini', '2048x4096', 'high', 2833 + 6 * 5667],
    ['gpt-4.1', '1024x1024', 'high', 765],
    ['gpt-5', '1024x1024', 'high', 630],
    ['gpt-4.1-mini', '1024x1024', 'high', Math.ceil(1024 * 1.62)],
    ['gpt-4.1-mini', '1800x2400', 'high', Math.ceil(1452 * 1.62)],
    ['gpt-5.4-nano', '8000x8000', 'original', Math.ceil(1521 * 2.46)],
    // Measured by users of it.
    ['gpt-5.6', '4000x2500', 'auto', 11_850],
    ['gpt-6-luna', '2400x2400', 'auto', 6750],
    ['gpt-6-astra', '4032x3024', 'auto', 14_364],
    ['gpt-6-astra', '4032x3024', 'high', 2942],
    ['gpt-6-astra', '512x512', 'low', 308],
    ['gpt-6-astra', '9000x9000', 'original', 36_000],
    ['gpt-5.5', '4032x3024', 'auto', 11_868],
    ['gpt-5.2', '2048x768', 'high', 1844],
    ['gpt-5.4', '1024x1024', 'high', 1229],
    ['gpt-5.4', '8000x8000', 'auto', 3000],
    ['gpt-5.4', '8000x8000', 'original', 12_000],
    ['gpt-5.4', '8000x8000', 'low', 308],
  ] as const)('%s, %s, %s: %i', (model, pixels, detail, tokens) => {
    expect(seenImageTokens(model, size(pixels), detail)).toBe(tokens);
  });

  it('stand in the prompt, by the picture and not by its bytes', () => {
    const url = `data:image/png;base64,${stripesPng(600, 400, 'x').toString('base64')}`;
    const prompt = (content: object[]) =>
      promptTokens({ model: 'gpt-4o', messages: [{ role: 'user', content: content as never }] });
    const bare = prompt([]);
    expect(prompt([{ type: 'image_url', image_url: { url } }])).toBe(bare + 85 + 2 * 170);
    expect(prompt([{ type: 'image_url', image_url: { url, detail: 'low' } }])).toBe(bare + 85);
    expect(prompt([{ type: 'image_url', image_url: { url: 'https://x.example/a.png' } }])).toBe(bare + 765);
  });
});
