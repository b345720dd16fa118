/** Adapters of one name in a list. */
import type { AdapterInfo } from '../../worker/api.ts';
import { date } from '../ui/format.ts';

/**
 * What tells an adapter from others of its name; '' if none has it.
 *
 * @param project the name of its project, if that is not the open one
 */
export function namedApart(
  { id, name, created }: Pick<AdapterInfo, 'id' | 'name' | 'created'>,
  list: readonly Pick<AdapterInfo, 'id' | 'name'>[],
  project: string | undefined,
): string {
  if (!list.some((other) => other.id !== id && other.name === name)) return '';
  return `, ${project === undefined ? '' : `of ${project}, `}${date(created)}`;
}
