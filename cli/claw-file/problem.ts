import { failure, type Failure } from '../failure.ts';

/** What is wrong at one place of a document. */
export interface Problem {
  /** `claw.yaml:3:5` */
  readonly at: string;
  /** `retry.attempts`; empty for the document as a whole. */
  readonly field: string;
  readonly problem: string;
}

/** Every problem at once, each as `file:line:column: field: problem`. */
export function invalidFiles(problems: readonly Problem[]): Failure {
  return failure('claw_file_invalid', {
    problems: problems.map(
      ({ at, field, problem }) => `${at}: ${field === '' ? '' : `${field}: `}${problem}`,
    ),
  });
}
