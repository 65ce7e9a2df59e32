import { join } from 'node:path';
import type { Cli } from '../cli.ts';

/** What the demo keeps: the simulator's port, certificates, keys and books. */
export const demoFolder = (cli: Pick<Cli, 'place'>): string => join(cli.place.home, 'demo');
