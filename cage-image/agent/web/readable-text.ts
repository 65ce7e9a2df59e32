import { Readability } from '@mozilla/readability';
import { parseHTML } from 'linkedom';
import TurndownService from 'turndown';

/** An article has to hold so much of a page's text to stand for it: index pages have none. */
const MIN_SHARE = 0.3;
const DROPPED = [
  'script',
  'style',
  'noscript',
  'template',
  'iframe',
  'svg',
  'canvas',
  'form input',
  'dialog',
];

/**
 * A page as Markdown: its article where it has one, else its whole body. Links and images get whole addresses. Loaded only when the first page was fetched (see
 * fetch-text.ts), since parser and converter are heavy.
 */
export function readableText(html: string, url: URL): string {
  const { document } = parseHTML(/<html|<body/i.test(html) ? html : `<html><body>${html}</body></html>`);
  for (const element of document.querySelectorAll(DROPPED.join(','))) element.remove();
  wholeAddresses(document, url);
  const title = document.querySelector('title')?.textContent?.trim() ?? '';
  const body = document.body?.innerHTML ?? '';
  const bodyLength = lengthOf(document.body?.textContent);
  const article = new Readability(document, { charThreshold: 200 }).parse();
  const chosen =
    article?.content && lengthOf(article.textContent) >= bodyLength * MIN_SHARE ? article.content : body;
  const text = toMarkdown(chosen);
  return title === '' || text.startsWith(`# ${title}`) ? text : `# ${title}\n\n${text}`;
}

function lengthOf(text: string | null | undefined): number {
  return (text ?? '').replace(/\s+/g, ' ').length;
}

function wholeAddresses(document: ReturnType<typeof parseHTML>['document'], url: URL): void {
  const base = URL.parse(document.querySelector('base')?.getAttribute('href') ?? '', url.href) ?? url;
  for (const [selector, attribute] of [
    ['a[href]', 'href'],
    ['img[src]', 'src'],
  ] as const) {
    for (const element of document.querySelectorAll(selector)) {
      const whole = URL.parse(element.getAttribute(attribute) ?? '', base.href);
      // Pictures within the page's text are no text.
      if (whole === null || whole.protocol === 'data:' || whole.protocol === 'javascript:')
        element.removeAttribute(attribute);
      else element.setAttribute(attribute, whole.href);
    }
  }
}

function toMarkdown(html: string): string {
  const service = new TurndownService({
    headingStyle: 'atx',
    codeBlockStyle: 'fenced',
    bulletListMarker: '-',
  });
  service.addRule('table cell', { filter: ['th', 'td'], replacement: (content) => `| ${content.trim()} ` });
  service.addRule('table row', { filter: 'tr', replacement: (content) => `${content.trim()} |\n` });
  const { document } = parseHTML(`<html><body>${html}</body></html>`);
  return service
    .turndown(document.body)
    .replace(/\n{3,}/g, '\n\n')
    .trim();
}
