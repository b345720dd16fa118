import type { FileSet } from '../weights/bytes.ts';

/** The files of one folder over those of another. */
export function overlaid(below: FileSet, above: FileSet): FileSet {
  const own = new Set(above.list());
  return {
    name: below.name,
    list: () => [...new Set([...below.list(), ...own])],
    open: (name) => (own.has(name) ? above : below).open(name),
  };
}
