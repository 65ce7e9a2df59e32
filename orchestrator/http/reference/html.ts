/** Text as HTML. */
export const escape = (text: string): string =>
  text.replace(/[&<>"']/g, (mark) => `&#${mark.charCodeAt(0)};`);

/** Our own descriptions: `code` between backticks, paragraphs between blank lines. */
export const prose = (text: string): string =>
  text
    .split('\n\n')
    .map((paragraph) => `<p>${inline(paragraph)}</p>`)
    .join('');

export const inline = (text: string): string => escape(text).replace(/`([^`]+)`/g, '<code>$1</code>');

/** A block to copy from. */
export const block = (text: string, label: string): string =>
  `<figure class="block"><figcaption>${escape(label)}</figcaption><pre tabindex="0"><code>${escape(text)}</code></pre></figure>`;
