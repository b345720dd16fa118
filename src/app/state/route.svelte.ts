/** Which stage is in the centre, kept in the address so that back, forward and a bookmark work. */
import type { Failure } from '../../worker/api.ts';

export const STAGES = ['task', 'data', 'baseline', 'train', 'evaluate', 'use'] as const;
export type StageId = (typeof STAGES)[number];
/** Places besides the stages: the first screen, the circle of use, the documents of the project, the benchmark, the storage and the guide. */
const BESIDE = ['start', 'circle', 'documents', 'benchmark', 'storage', 'guide'] as const;
export type ScreenName = StageId | (typeof BESIDE)[number];

const partsOf = (hash: string): string[] => hash.replace(/^#\/?/, '').split('/');

interface Address {
  readonly place: ScreenName;
  /** The part of the place: an entry of the guide. */
  readonly part: string | undefined;
  /** The address itself, if nothing has it: the first screen is shown then. */
  readonly unknown: string | undefined;
}

/** @param hash of the address: `#/train`; '' for the first screen */
export function readAddress(hash: string): Address {
  const [name, part] = partsOf(hash);
  const place = [...STAGES, ...BESIDE].find((one) => one === name);
  return { place: place ?? 'start', part, unknown: place || name === '' ? undefined : hash };
}

/** What is said over the first screen at an address that nothing has. */
export const unknownAddress = (address: string): Failure => ({
  code: 'app-address',
  what: `This page has nothing at the address ${address}.`,
  remedy: 'It may be mistyped. This is the first screen.',
});

export class Route {
  place = $state<ScreenName>('start');
  /** The part of the place: an entry of the guide. */
  part = $state<string>();
  /** An address that nothing has, at which the first screen is shown. */
  unknown = $state<string>();

  constructor() {
    this.#read();
    addEventListener('hashchange', () => {
      // A link to a part of the stage (the skip link) is no change of place.
      if (location.hash === '' || location.hash.startsWith('#/')) this.#read();
    });
  }

  #read(): void {
    const { place, part, unknown } = readAddress(location.hash);
    this.place = place;
    this.part = part;
    this.unknown = unknown;
  }

  go(place: ScreenName): void {
    location.hash = addressOf(place);
  }
}

/** Whether a screen is a stage of the studio. */
export function isStage(place: ScreenName): place is StageId {
  return STAGES.some((stage) => stage === place);
}

/** The hash of a screen in the address. */
export function addressOf(place: ScreenName): string {
  return place === 'start' ? '#/' : `#/${place}`;
}

/** @param term an id of guide/names.ts */
export function addressOfTerm(term: string): string {
  return `#/guide/${term}`;
}
