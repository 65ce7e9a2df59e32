import { mkdir, open } from 'node:fs/promises';
import { basename, extname, join } from 'node:path';

const FOLDER = 'downloads';
const MAX_NAME = 100;

/** Writes what was fetched to a new file in `/work/downloads`, named as its sender named it; gives the path. A file that is there is never replaced. */
export async function saveDownload(
  work: string,
  url: URL,
  disposition: string,
  bytes: Buffer,
): Promise<string> {
  const folder = join(work, FOLDER);
  await mkdir(folder, { recursive: true });
  const name = fileName(url, disposition);
  const ending = extname(name);
  const stem = name.slice(0, name.length - ending.length);
  for (let number = 0; ; number++) {
    const path = join(folder, number === 0 ? name : `${stem}-${number}${ending}`);
    try {
      // The folder may have been replaced by a link, which does no harm: whatever can be written there belongs to the same user.
      await using file = await open(path, 'wx');
      await file.writeFile(bytes);
      return path;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  }
}

function fileName(url: URL, disposition: string): string {
  const named = /filename\*?=(?:UTF-8'')?"?([^";]+)/i.exec(disposition)?.[1] ?? basename(url.pathname);
  const plain = basename(decoded(named))
    .replace(/[^\w.-]+/g, '_')
    .replace(/^\.+/, '');
  return plain.slice(-MAX_NAME) || 'download';
}

function decoded(name: string): string {
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}
