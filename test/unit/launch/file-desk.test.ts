import { beforeEach, describe, expect, it } from 'vitest';
import { LIMITS } from '#protocol/api.ts';
import { Vault } from '#vault/vault.ts';
import { FileDesk } from '../../../orchestrator/launch/file-desk.ts';
import type { FilePiece, TaskFilesStore } from '../../../orchestrator/store/task-files-store.ts';
import { MemoryKeks, MemoryShreddingKeys } from '../../support/memory-keys.ts';

const attempt = { organisation: 'o', task: 't', epoch: 2, fence: 2, claw: 'c', key: 'k' };

let vault: Vault;
let rows: FilePiece[];
let failing: boolean;
beforeEach(async () => {
  vault = new Vault({ keks: new MemoryKeks(), shredding: new MemoryShreddingKeys() });
  await vault.sealContent({ organisation: 'o', task: 't', kind: 'input' }, Buffer.alloc(1));
  rows = [];
  failing = false;
});

const files = {
  add: async (piece: FilePiece) => {
    if (failing) throw new Error('no store');
    return rows.push(piece) > 0;
  },
  ofAttempt: async () =>
    Object.entries(Object.groupBy(rows, ({ path }) => path)).map(([path, pieces]) => ({
      path,
      bytes: pieces!.reduce((sum, { bytes }) => sum + bytes, 0),
      pieces: pieces!.length,
      complete: pieces!.some(({ last }) => last),
    })),
} as unknown as TaskFilesStore;
const desk = () => new FileDesk({ attempt, vault, files });
const piece = (path: string, at: number, last: boolean, bytes: Buffer = Buffer.from('x')) =>
  ({
    type: 'output_file',
    taskId: 't',
    epoch: 2,
    path,
    piece: at,
    last,
    data: bytes.toString('base64'),
  }) as const;

describe('files that an attempt leaves', () => {
  it('are kept sealed, each piece for its own place only', async () => {
    const taking = desk();
    await taking.take(piece('a/b.txt', 0, false, Buffer.from('secret one')));
    await taking.take(piece('a/b.txt', 1, true, Buffer.from('secret two')));
    expect(rows.some(({ sealed }) => sealed.includes('secret'))).toBe(false);
    const bound = {
      kind: 'file',
      organisation: 'o',
      task: 't',
      epoch: 2,
      path: 'a/b.txt',
      piece: 0,
      last: false,
    } as const;
    using opened = await vault.openContent(bound, rows[0]!.sealed);
    expect(opened.expose().toString()).toBe('secret one');
    for (const moved of [{ piece: 1 }, { path: 'a/c.txt' }, { epoch: 3 }, { last: true }, { task: 'u' }])
      await expect(vault.openContent({ ...bound, ...moved }, rows[0]!.sealed)).rejects.toThrow();
  });

  it('come once, also where a piece is sent again, to another controller too', async () => {
    const first = desk();
    await first.take(piece('a', 0, false));
    await first.take(piece('a', 0, false));
    const second = desk();
    await second.take(piece('a', 0, false));
    await second.take(piece('a', 1, true));
    expect(rows.map((row) => row.piece)).toEqual([0, 1]);
  });

  it('come again where they could not be written', async () => {
    const taking = desk();
    failing = true;
    await expect(taking.take(piece('a', 0, true))).rejects.toThrow('no store');
    failing = false;
    await taking.take(piece('a', 0, true));
    expect(rows).toHaveLength(1);
  });

  it('lead nowhere else and come in order', async () => {
    for (const path of ['../a', '/a', 'a//b', 'a/./b', 'a/..', '', 'a\nb', 'a\\b', '\ud800', 'x'.repeat(301)])
      await expect(desk().take(piece(path, 0, true)), path).rejects.toMatchObject({
        code: 'link_message_unknown',
      });
    await expect(desk().take(piece('a', 1, true))).rejects.toMatchObject({ code: 'link_message_unknown' });
    expect(rows).toEqual([]);
  });

  it('keep to the limits, whatever the cage sends', async () => {
    const many = desk();
    for (let count = 0; count < LIMITS.outputFiles; count += 1) await many.take(piece(`f${count}`, 0, true));
    await expect(many.take(piece('more', 0, true))).rejects.toMatchObject({ code: 'output_too_large' });
    const earlier = { path: 'large', piece: 0, last: false, bytes: LIMITS.outputFileBytes - 1 };
    rows = [earlier as FilePiece];
    await desk().take(piece('large', 1, true, Buffer.from('x')));
    rows = [earlier as FilePiece];
    await expect(desk().take(piece('large', 1, true, Buffer.from('xx')))).rejects.toMatchObject({
      code: 'output_too_large',
      details: { limit: LIMITS.outputFileBytes },
    });
    rows = [{ ...earlier, bytes: LIMITS.outputBytes } as FilePiece];
    await expect(desk().take(piece('other', 0, true))).rejects.toMatchObject({
      code: 'output_too_large',
      details: { limit: LIMITS.outputBytes },
    });
    await expect(desk().take(piece('wide', 0, true, Buffer.alloc(192 * 1024 + 1)))).rejects.toMatchObject({
      code: 'link_message_unknown',
    });
  });

  it('come in no more pieces than the largest file has, however small they are', async () => {
    const taking = desk();
    const endless = async (): Promise<void> => {
      for (let at = 0; at < 1000; at += 1) await taking.take(piece('a', at, false, Buffer.alloc(0)));
    };
    await expect(endless()).rejects.toMatchObject({ code: 'link_message_unknown' });
    expect(rows).toHaveLength(86);
  });
});
