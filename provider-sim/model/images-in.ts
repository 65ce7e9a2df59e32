import type { ChatMessage } from '../chat-request.ts';
import { imageFacts, type ImageFacts } from '../image-facts.ts';

/** A URL that is not data is not fetched: nothing can be told of it. */
export type SeenImage = ImageFacts | 'remote' | 'unknown';

const DATA = /^data:[^,]*;base64,(.*)$/s;

/** The images of a conversation, in their order, by their content and not by the type that they are declared to have. */
export function imagesIn(messages: readonly ChatMessage[]): SeenImage[] {
  return messages.flatMap(imageUrls).map(seenImage);
}

/** The URLs of a message's images. */
export function imageUrls({ content }: ChatMessage): string[] {
  if (!Array.isArray(content)) return [];
  return content
    .filter(({ type }) => type === 'image_url')
    .map((part) => (part['image_url'] as { url?: unknown } | undefined)?.url)
    .filter((url) => typeof url === 'string');
}

/** What is to be seen at an image's URL. */
export function seenImage(url: string): SeenImage {
  if (!url.startsWith('data:')) return 'remote';
  const base64 = DATA.exec(url)?.[1];
  return (base64 !== undefined && imageFacts(Buffer.from(base64, 'base64'))) || 'unknown';
}
