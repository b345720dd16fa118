/** Every optimiser: one line each. The first is the usual one. */
import { adamw } from './adamw/adamw.ts';
import { lion } from './lion/lion.ts';
import { nadamw } from './nadamw/nadamw.ts';
import { muon } from './muon/muon.ts';
import type { Optimiser } from './optimiser.ts';
import { sgd } from './sgd/sgd.ts';

export const OPTIMISERS = [adamw, nadamw, lion, sgd, muon] as const satisfies readonly Optimiser[];

/** The optimiser of this name, the usual one without a name. @throws Error if there is none: settings are checked earlier */
export function optimiserOf(name: string = OPTIMISERS[0].name): Optimiser {
  const optimiser = OPTIMISERS.find((one) => one.name === name);
  if (!optimiser) throw new Error(`There is no optimiser ${name}`);
  return optimiser;
}
