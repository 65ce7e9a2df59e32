import type { CallToolResult } from '@modelcontextprotocol/sdk/types.js';

/** What a tool gave, as text: what is no text is described, since a tool's result is text to both APIs. */
export function contentText({ content, structuredContent }: CallToolResult): string {
  const parts = (content ?? []).map(partText).filter((part) => part !== '');
  if (parts.length > 0) return parts.join('\n');
  return structuredContent === undefined ? '[no output]' : JSON.stringify(structuredContent);
}

function partText(part: CallToolResult['content'][number]): string {
  switch (part.type) {
    case 'text':
      return part.text;
    case 'image':
    case 'audio':
      return `[${part.type}: ${part.mimeType}, ${byteLength(part.data)} bytes]`;
    case 'resource_link':
      return `[resource: ${part.name}, ${part.uri}]`;
    case 'resource':
      return 'text' in part.resource
        ? part.resource.text
        : `[resource: ${part.resource.uri}, ${byteLength(part.resource.blob)} bytes]`;
  }
}

function byteLength(base64: string): number {
  return Buffer.byteLength(base64, 'base64');
}
