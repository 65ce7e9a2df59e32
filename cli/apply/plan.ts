import { clawView, type ClawFields, type ClawView } from '#protocol/api.ts';
import { changedSettings, formOf } from '#claw/document-settings.ts';
import type { ClawInFile } from '../claw-file/parse.ts';
import type { Client } from '../client.ts';
import { Failure } from '../failure.ts';
import { differences, type Difference } from './differences.ts';

/** What has to happen for one Claw to be as it is described. */
export interface Step {
  readonly claw: ClawInFile;
  readonly action: 'create' | 'change' | 'keep';
  readonly patch: Partial<ClawFields>;
  readonly deploy: 'deploy' | 'stop' | undefined;
  /** Between what is and what is described, field by field; of a new Claw all that is not at its default. */
  readonly differences: readonly Difference[];
}

export const pathOfClaw = (name: string): string => `/api/v1/claws/${encodeURIComponent(name)}`;

/** Compares what is described with what is; changes nothing. */
export async function plan(client: Client, claws: readonly ClawInFile[]): Promise<Step[]> {
  const steps: Step[] = [];
  for (const claw of claws) steps.push(stepOf(claw, await present(client, claw.name)));
  return steps;
}

async function present(client: Client, name: string): Promise<ClawView | undefined> {
  try {
    return await client.get(pathOfClaw(name), clawView);
  } catch (error) {
    if (error instanceof Failure && error.code === 'not_found') return undefined;
    throw error;
  }
}

function stepOf(claw: ClawInFile, view: ClawView | undefined): Step {
  const wanted = formOf(claw.name, claw.settings);
  if (!view) {
    const deploy = claw.deploy === true ? 'deploy' : undefined;
    return { claw, action: 'create', patch: {}, deploy, differences: differences(undefined, wanted) };
  }
  const settings = settingsOfView(view);
  const patch = changedSettings(settings, claw.settings);
  const deploy = deploymentOf(claw, view);
  const changes = differences(formOf(claw.name, settings), wanted);
  return {
    claw,
    action: changes.length > 0 || deploy ? 'change' : 'keep',
    patch,
    deploy,
    differences: deploy
      ? [...changes, { field: 'deploy', from: deploy === 'stop', to: deploy === 'deploy' }]
      : changes,
  };
}

function deploymentOf({ deploy }: ClawInFile, { state }: ClawView): Step['deploy'] {
  if (deploy === true && state !== 'deployed') return 'deploy';
  return deploy === false && state === 'deployed' ? 'stop' : undefined;
}

/** Of a Claw what its owner set. */
export function settingsOfView({
  id: _id,
  name: _name,
  state: _state,
  createdAt: _createdAt,
  updatedAt: _updatedAt,
  ...settings
}: ClawView): ClawFields {
  return settings;
}
