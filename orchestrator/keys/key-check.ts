import { CodedError, fromBody } from '#errors/coded-error.ts';
import type { FromCage } from '#protocol/link-messages.ts';
import { KEY_INFO, seal } from '#sealing/seal.ts';
import type { Secret } from '#secret/secret.ts';
import type { CageKeeper } from '../launch/cage-keeper.ts';
import type { CapabilityIssuer } from '../link/capabilities.ts';

export interface Endpoint {
  readonly baseUrl: string;
  readonly ca: string | null;
}

interface Parts {
  readonly keeper: CageKeeper;
  readonly capabilities: CapabilityIssuer;
}

const DEADLINE_MS = 20_000;

/**
 * Asks the provider for its models with a key, from the meter of a short cage: the orchestrator itself never calls a provider and never
 * connects to an address that a tenant wrote.
 */
export class KeyCheck {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** The models that the key may use. `key_rejected` with the provider's words (the key taken out), `key_unverified` where nobody answered. */
  async models(organisation: string, endpoint: Endpoint, secret: Secret): Promise<readonly string[]> {
    const { keeper, capabilities } = this.#parts;
    const cage = await keeper.open({ organisation, claw: null }, 'verify');
    try {
      const answered = Promise.withResolvers<Extract<FromCage, { type: 'key_verified' }>>();
      cage.handle(async (message) => {
        if (message.type === 'key_verified') answered.resolve(message);
      });
      const late = setTimeout(
        () => answered.reject(new CodedError('key_unverified', { reason: 'no answer in time' })),
        DEADLINE_MS + 2000,
      );
      const sealedKey = await seal(cage.hello.meterPublicKey, secret, KEY_INFO, `verify:${cage.cageId}`);
      const capability = capabilities.meter({
        cage: cage.cageId,
        organisation,
        claw: '',
        baseUrl: endpoint.baseUrl,
        lifeMs: DEADLINE_MS,
      });
      cage.send({
        type: 'verify_key',
        provider: { baseUrl: endpoint.baseUrl, ...(endpoint.ca !== null && { ca: endpoint.ca }), capability },
        sealedKey,
        deadlineMs: DEADLINE_MS,
      });
      return modelsOf(await answered.promise.finally(() => clearTimeout(late)));
    } finally {
      await keeper.end(organisation, cage.cageId);
    }
  }
}

function modelsOf(answer: Extract<FromCage, { type: 'key_verified' }>): readonly string[] {
  if (answer.ok) return answer.models ?? [];
  const error = answer.error ? fromBody(answer.error) : new CodedError('key_unverified');
  throw new CodedError(error.code, {
    ...error.details,
    ...(answer.providerText !== undefined && { provider: answer.providerText }),
  });
}
