import type { CallOperation } from '../prepared-call.ts';
import { EMPTY, type BodyReader } from './body-reader.ts';
import { TopLevelField } from './top-level-field.ts';
import { readUsage } from './usage.ts';

/** A body that is one JSON document; its `usage` is read. */
export function jsonReader(operation: CallOperation): BodyReader {
  const field = new TopLevelField('usage');
  return {
    push: (chunk) => {
      field.push(chunk);
      return chunk;
    },
    end: () => EMPTY,
    usage: () => readUsage(field.value, operation),
  };
}
