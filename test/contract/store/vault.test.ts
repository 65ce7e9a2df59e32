import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Secret } from '#secret/secret.ts';
import { Vault } from '#vault/vault.ts';
import { openStore, type Store } from '../../../orchestrator/store/store.ts';
import { FileKeks } from '../../../orchestrator/vault/file-keks.ts';
import { FileShreddingKeys } from '../../../orchestrator/vault/file-shredding-keys.ts';
import { rotateKeks } from '../../../orchestrator/vault/rotation.ts';
import { giveStore } from '../../support/made-store.ts';
import { newTenant } from '../../support/store-rows.ts';

let home: string;
let store: Store;
let keks: FileKeks;
let vault: Vault;

beforeAll(async () => {
  home = await mkdtemp(path.join(tmpdir(), 'clawcage-vault-'));
  await giveStore(home);
  store = await openStore({ home, log: { warn: () => undefined } });
  keks = await FileKeks.open(path.join(home, 'kek'));
  vault = new Vault({ keks, shredding: await FileShreddingKeys.open(path.join(home, 'shred')) });
});
afterAll(async () => {
  await store.close();
  await rm(home, { recursive: true, force: true });
});

describe('vault and store together', () => {
  it('rotate the key-encryption key: every record opens under the new one alone, and a second run finishes what was left', async () => {
    const { organisation } = await newTenant(store);
    await store.keys
      .list(organisation)
      .then((keys) => Promise.all(keys.map((key) => store.keys.revoke(organisation, key.id))));
    const id = store.keys.newId();
    const binding = { organisation, keyId: id, provider: 'openai', version: 1 };
    const record = await vault.sealKey(binding, Secret.fromText('sk-test'));
    const about = {
      provider: 'openai',
      baseUrl: 'https://api.openai.com/v1',
      ca: null,
      masked: '…',
      verifiedAt: null,
    };
    await store.keys.create({ id, organisation, name: 'sealed', record, ...about });
    const cage = store.cages.newId();
    const linkSecretRecord = await vault.sealLink({ organisation, cage }, new Secret(Buffer.alloc(32, 3)));
    await store.cages.insert({
      id: cage,
      organisation,
      claw: null,
      purpose: 'verify',
      holder: 'orch_1',
      linkSecretRecord,
    });

    const signing = await vault.sealWebhook({ organisation }, new Secret(Buffer.alloc(32, 4)));
    await store.organisations.replaceWebhookSecret(organisation, null, signing);
    expect(await rotateKeks({ keks, vault, ...store })).toEqual({
      version: 2,
      rewrapped: 3,
    });
    await rm(path.join(home, 'kek', '1.key'));
    const later = new Vault({
      keks: await FileKeks.open(path.join(home, 'kek')),
      shredding: await FileShreddingKeys.open(path.join(home, 'shred')),
    });
    const key = await store.keys.byId(organisation, id);
    expect((await later.openKey(binding, key!.record!)).expose().toString()).toBe('sk-test');
    const row = await store.cages.byId(organisation, cage);
    expect((await later.openLink({ organisation, cage }, row!.linkSecretRecord)).expose()).toEqual(
      Buffer.alloc(32, 3),
    );
    const secret = await store.organisations.webhookSecret(organisation);
    expect((await later.openWebhook({ organisation }, secret!)).expose()).toEqual(Buffer.alloc(32, 4));
    await expect(later.openKey(binding, record)).rejects.toMatchObject({ code: 'vault_kek_missing' });
    expect(await rotateKeks({ keks, vault, ...store })).toMatchObject({
      version: 3,
    });
  });

  it('keep nothing of a revoked key that could be opened', async () => {
    const { organisation, key } = await newTenant(store);
    await store.keys.revoke(organisation, key.id);
    expect((await store.keys.byId(organisation, key.id))?.record).toBeNull();
    expect((await store.keys.allRecords()).map(({ id }) => id)).not.toContain(key.id);
  });
});
