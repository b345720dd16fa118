/** Whether mutations still fit the sources that they change, and the tests that they name are there. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Mutation } from './mutation.ts';

/** Why a mutation does not fit; undefined if it does. */
function misfit(root: string, { id, file, find, replace, tests }: Mutation): string | undefined {
  const path = join(root, file);
  if (!existsSync(path)) return `${id}: there is no ${file}.`;
  const count = readFileSync(path, 'utf8').split(find).length - 1;
  if (count !== 1) return `${id}: ${file} has ${count} places with ${JSON.stringify(find)}, and not one.`;
  if (find === replace) return `${id}: it changes nothing.`;
  const gone = tests.find((test) => !existsSync(join(root, test)));
  return gone === undefined ? undefined : `${id}: there is no ${gone}.`;
}

/** A sentence on each mutation that does not fit; none if all do. @param root of the checkout */
export function misfits(root: string, mutations: readonly Mutation[]): string[] {
  const ids = mutations.map(({ id }) => id);
  return [
    ...ids.filter((id, at) => ids.indexOf(id) !== at).map((id) => `${id}: two mutations have this name.`),
    ...mutations.flatMap((mutation) => misfit(root, mutation) ?? []),
  ];
}
