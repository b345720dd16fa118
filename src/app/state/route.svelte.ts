/** Which stage is in the centre, kept in the address so that back, forward and a bookmark work. */
export const STAGES = ['task', 'data', 'baseline', 'train', 'evaluate', 'use'] as const;
export type StageId = (typeof STAGES)[number];
/** Beside the stages: where the brand leads, and what the GPU does. */
const BESIDE = ['start', 'benchmark'] as const;
export type Place = StageId | (typeof BESIDE)[number];

function placeOf(hash: string): Place {
  const name = hash.replace(/^#\/?/, '');
  return [...STAGES, ...BESIDE].find((place) => place === name) ?? 'start';
}

export class Route {
  place = $state<Place>('start');

  constructor() {
    this.place = placeOf(location.hash);
    addEventListener('hashchange', () => {
      // A link to a part of the stage (the skip link) is no change of place.
      if (location.hash === '' || location.hash.startsWith('#/')) this.place = placeOf(location.hash);
    });
  }

  go(place: Place): void {
    location.hash = addressOf(place);
  }
}

export function isStage(place: Place): place is StageId {
  return STAGES.some((stage) => stage === place);
}

export function addressOf(place: Place): string {
  return place === 'start' ? '#/' : `#/${place}`;
}
