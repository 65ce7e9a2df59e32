import { CodedError } from '#errors/coded-error.ts';

/** Unique violation (SQLSTATE 23505) of an index on names becomes `name_taken`: the database decides, so two at once cannot both win. */
export async function orNameTaken<T>(name: string | undefined, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === '23505')
      throw new CodedError('name_taken', { name });
    throw error;
  }
}
