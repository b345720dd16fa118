/** Which stage is in the centre, kept in the address so that back, forward and a bookmark work. */
export const STAGES = ['task', 'data', 'baseline', 'train', 'evaluate', 'use'] as const;
export type StageId = (typeof STAGES)[number];
/** Places beside the stages: the first screen, the benchmark, the storage and the guide. */
const BESIDE = ['start', 'benchmark', 'storage', 'guide'] as const;
export type ScreenName = StageId | (typeof BESIDE)[number];

const partsOf = (hash: string): string[] => hash.replace(/^#\/?/, '').split('/');

function placeOf(hash: string): ScreenName {
  const [name] = partsOf(hash);
  return [...STAGES, ...BESIDE].find((place) => place === name) ?? 'start';
}

export class Route {
  place = $state<ScreenName>('start');
  /** The part of the place: an entry of the guide. */
  part = $state<string>();

  constructor() {
    this.#read();
    addEventListener('hashchange', () => {
      // A link to a part of the stage (the skip link) is no change of place.
      if (location.hash === '' || location.hash.startsWith('#/')) this.#read();
    });
  }

  #read(): void {
    this.place = placeOf(location.hash);
    this.part = partsOf(location.hash).at(1);
  }

  go(place: ScreenName): void {
    location.hash = addressOf(place);
  }
}

export function isStage(place: ScreenName): place is StageId {
  return STAGES.some((stage) => stage === place);
}

export function addressOf(place: ScreenName): string {
  return place === 'start' ? '#/' : `#/${place}`;
}

/** @param term an id of guide/names.ts */
export function addressOfTerm(term: string): string {
  return `#/guide/${term}`;
}
