import { CodedError, type ErrorBody } from '#errors/coded-error.ts';
import type { CapabilityClaims } from '#protocol/capability.ts';
import type { GateLimits } from './limits.ts';

interface CageBook {
  connections: number;
  bytes: number;
  expiresMs: number;
}

interface ClawCount {
  connections: number;
  bytes: number;
}

/** A connection's line in the books. */
export interface Entry {
  /** False where the cage has used up its bytes. */
  count(bytes: number): boolean;
  close(): void;
}

/** Counts connections and bytes, by cage for the limits and by Claw and role for the metrics, and refusals by code. No content, no hosts. */
export class GateBooks {
  readonly #limits: GateLimits;
  readonly #cages = new Map<string, CageBook>();
  readonly #claws = new Map<string, ClawCount>();
  readonly #refusals = new Map<string, number>();
  #open = 0;

  constructor(limits: GateLimits) {
    this.#limits = limits;
  }

  /** Errors: `gate_busy`. */
  enter(claims: CapabilityClaims): Entry {
    const cage = this.#cage(claims);
    if (cage.connections >= this.#limits.connectionsPerCage)
      throw new CodedError('gate_busy', { limit: this.#limits.connectionsPerCage });
    if (cage.bytes >= this.#limits.bytesPerCage)
      throw new CodedError('gate_busy', { limitBytes: this.#limits.bytesPerCage });
    const claw = this.#claw(claims);
    cage.connections++;
    claw.connections++;
    this.#open++;
    let open = true;
    return {
      count: (bytes) => {
        cage.bytes += bytes;
        claw.bytes += bytes;
        return cage.bytes < this.#limits.bytesPerCage;
      },
      close: () => {
        if (open) {
          cage.connections--;
          this.#open--;
        }
        open = false;
      },
    };
  }

  refused(code: ErrorBody['code']): void {
    this.#refusals.set(code, (this.#refusals.get(code) ?? 0) + 1);
  }

  /** Forgets cages whose capabilities have all expired. */
  sweep(nowMs: number): void {
    for (const [cage, book] of this.#cages)
      if (book.connections === 0 && book.expiresMs < nowMs) this.#cages.delete(cage);
  }

  /** Prometheus' text format. */
  metrics(): string {
    const lines = [
      '# TYPE clawcage_gate_open_connections gauge',
      `clawcage_gate_open_connections ${this.#open}`,
    ];
    lines.push('# TYPE clawcage_gate_connections_total counter');
    for (const [labels, { connections }] of this.#claws)
      lines.push(`clawcage_gate_connections_total{${labels}} ${connections}`);
    lines.push('# TYPE clawcage_gate_bytes_total counter');
    for (const [labels, { bytes }] of this.#claws)
      lines.push(`clawcage_gate_bytes_total{${labels}} ${bytes}`);
    lines.push('# TYPE clawcage_gate_refusals_total counter');
    for (const [code, count] of this.#refusals)
      lines.push(`clawcage_gate_refusals_total{code="${code}"} ${count}`);
    return `${lines.join('\n')}\n`;
  }

  #cage(claims: CapabilityClaims): CageBook {
    const book = this.#cages.get(claims.cage) ?? { connections: 0, bytes: 0, expiresMs: 0 };
    book.expiresMs = Math.max(book.expiresMs, claims.expires * 1000);
    this.#cages.set(claims.cage, book);
    return book;
  }

  #claw(claims: CapabilityClaims): ClawCount {
    const labels = `claw="${label(claims.claw)}",role="${claims.role}"`;
    const count = this.#claws.get(labels) ?? { connections: 0, bytes: 0 };
    this.#claws.set(labels, count);
    return count;
  }
}

const label = (value: string): string => value.replace(/[\\"\n]/g, '_');
