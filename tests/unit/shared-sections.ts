import { readSection, sectionAt, type SectionRows, type ShareSections } from '../../src/data/sections.ts';

/** Sections of a file at most: a file with a long line has many bytes. */
const MOST_SECTIONS = 300;

/**
 * Reads every second section as another thread would, which sends copies of plain values. It fails before its last one.
 *
 * @param least bytes of a section, at least
 */
export function sharedWithin(least: number): ShareSections {
  return (source) => {
    const sectionBytes = Math.max(least, Math.ceil(source.content.length / MOST_SECTIONS));
    const count = Math.ceil(source.content.length / sectionBytes);
    let next = -2;
    return {
      sectionBytes,
      take: () => (next += 2),
      done: { rows: 0, sections: 0 },
      finished() {
        const found = new Map<number, SectionRows>();
        for (let at = 1; at < count - 2; at += 2) {
          const reading = readSection(source, sectionAt(at, sectionBytes, source.content));
          let step = reading.next();
          while (!step.done) step = reading.next();
          found.set(at, structuredClone(step.value));
        }
        return Promise.resolve(found);
      },
      end: () => undefined,
    };
  };
}
