import { clawDefaults, type ClawFields } from '#protocol/api.ts';
import { clawDocument, type ClawDocument, type ClawForm } from './document.ts';
import { durationOf, sizeOf } from './units.ts';

/** A document's settings as the API takes them. The references to files have to be replaced by their texts before. */
export function settingsOf(document: ClawDocument): ClawFields {
  const {
    apiVersion: _apiVersion,
    kind: _kind,
    name: _name,
    deploy: _deploy,
    timeout,
    timeouts,
    cancelGrace,
    idle,
    agent,
    retry,
    resources,
    instructions,
    ca,
    ...same
  } = document;
  return {
    ...same,
    instructions: textOf(instructions),
    ca: ca === null ? null : textOf(ca),
    timeoutMs: timeout,
    timeouts: { waitingMs: timeouts.waiting, startingMs: timeouts.starting },
    cancelGraceMs: cancelGrace,
    idleMs: idle,
    agent,
    retry: {
      attempts: retry.attempts,
      backoffMs: retry.backoff,
      maxBackoffMs: retry.maxBackoff,
      idempotent: retry.idempotent,
    },
    resources: {
      memoryMiB: resources.memory,
      cpus: resources.cpus,
      pids: resources.pids,
      workMiB: resources.work,
      tmpMiB: resources.tmp,
    },
  };
}

function textOf(text: ClawDocument['instructions']): string {
  if (typeof text === 'string') return text;
  throw new Error('A reference to a file was not replaced by its text.');
}

/** The form of a Claw's settings, every field of it; the reverse of `settingsOf`. */
export function formOf(name: string, settings: ClawFields): ClawForm {
  const { timeoutMs, timeouts, cancelGraceMs, idleMs, retry, resources, model, key, ...same } = settings;
  const form: ClawForm = {
    name,
    model,
    key,
    ...same,
    timeout: durationOf(timeoutMs),
    timeouts: {
      waiting: timeouts.waitingMs === null ? null : durationOf(timeouts.waitingMs),
      starting: durationOf(timeouts.startingMs),
    },
    cancelGrace: durationOf(cancelGraceMs),
    idle: durationOf(idleMs),
    retry: {
      attempts: retry.attempts,
      backoff: durationOf(retry.backoffMs),
      maxBackoff: durationOf(retry.maxBackoffMs),
      idempotent: retry.idempotent,
    },
    resources: {
      memory: sizeOf(resources.memoryMiB),
      cpus: resources.cpus,
      pids: resources.pids,
      work: sizeOf(resources.workMiB),
      tmp: sizeOf(resources.tmpMiB),
    },
  };
  const order = Object.keys(clawDocument.shape);
  return Object.fromEntries(
    Object.entries(form).toSorted(([a], [b]) => order.indexOf(a) - order.indexOf(b)),
  ) as unknown as ClawForm;
}

/** The settings of `wanted` that `present` does not have already. */
export function changedSettings(present: ClawFields, wanted: ClawFields): Partial<ClawFields> {
  return Object.fromEntries(
    Object.entries(wanted).filter(([field, value]) => !same(value, present[field as keyof ClawFields])),
  );
}

/** Without what is at its default, in `agent`, `retry`, `resources` and `timeouts` field by field. */
export function withoutDefaults(form: ClawForm): ClawForm {
  const usual = formOf(form.name, clawDefaults.parse({ model: form.model, key: form.key }));
  return { name: form.name, model: form.model, key: form.key, ...(differing(form, usual) as object) };
}

const NESTED = ['agent', 'retry', 'resources', 'timeouts'];

function differing(own: object, usual: object): object {
  return Object.fromEntries(
    Object.entries(own).flatMap(([field, value]): [string, unknown][] => {
      const other = (usual as Record<string, unknown>)[field];
      if (same(value, other)) return [];
      return [[field, NESTED.includes(field) ? differing(value as object, other as object) : value]];
    }),
  );
}

/** Whether two values of the wire say the same; the order of fields does not matter. */
export function same(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const [fieldsOfA, fieldsOfB] = [Object.keys(a), Object.keys(b)];
  return (
    fieldsOfA.length === fieldsOfB.length &&
    fieldsOfA.every(
      (field) => Object.hasOwn(b, field) && same(a[field as keyof typeof a], b[field as keyof typeof b]),
    )
  );
}
