import { offHeap, Secret } from '#secret/secret.ts';
import { KEY_INFO, seal, SealingKeyPair } from '#sealing/seal.ts';
import { Vault } from '#vault/vault.ts';
import { MemoryKeks, MemoryShreddingKeys } from '../../support/memory-keys.ts';

/** The other end of memory.test.ts: lets a key pass through vault and sealing, wipes its own, and holds still to be searched. */
const unmask = (left: string, right: string): Buffer => {
  const a = Buffer.from(left, 'hex');
  const b = Buffer.from(right, 'hex');
  const plain = offHeap(a.length);
  for (let at = 0; at < plain.length; at += 1) plain[at] = a[at]! ^ b[at]!;
  return plain;
};

const [left, right, plantedLeft, plantedRight] = process.argv.slice(2) as [string, string, string, string];
const planted = unmask(plantedLeft, plantedRight);
const vault = new Vault({ keks: new MemoryKeks(), shredding: new MemoryShreddingKeys() });
const binding = { organisation: 'org_1', keyId: 'key_1', provider: 'openai', version: 1 };
const input = { organisation: 'org_1', task: 'task_1', kind: 'input' } as const;
const meter = await SealingKeyPair.create();

for (let round = 0; round < 20; round += 1) {
  using key = new Secret(unmask(left, right));
  const record = await vault.sealKey(binding, key);
  using opened = await vault.openKey(binding, record);
  using arrived = await meter.open(
    await seal(meter.publicKey, opened, KEY_INFO, 'task_1:1'),
    KEY_INFO,
    'task_1:1',
  );
  using content = await vault.openContent(input, await vault.sealContent(input, arrived));
  if (!content.expose().equals(key.expose())) throw new Error('lost on the way');
}

process.stdin.resume();
process.stdout.write(`ready ${planted.length}\n`);
