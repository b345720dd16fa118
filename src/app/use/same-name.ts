/** Adapters of one name in a list. */
import type { AdapterInfo } from '../../worker/api.ts';
import { date } from '../ui/format.ts';

/**
 * What tells an adapter from others of its name, and which other project it is of; '' for one of the open project whose name no other has.
 *
 * @param project the name of its project, if that is not the open one
 */
export function namedApart(
  { id, name, created }: Pick<AdapterInfo, 'id' | 'name' | 'created'>,
  list: readonly Pick<AdapterInfo, 'id' | 'name'>[],
  project: string | undefined,
): string {
  const of = project === undefined ? '' : `, of ${project}`;
  return list.some((other) => other.id !== id && other.name === name) ? `${of}, ${date(created)}` : of;
}
