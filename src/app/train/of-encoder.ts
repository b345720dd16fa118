/**
 * Whether a run tunes an encoder. By the name of its objective, since the first screen asks, and has no list of objectives
 * (`tests/unit/app/of-encoder.test.ts`).
 */
export const isOfEncoder = ({ objective }: { readonly objective?: string }): boolean =>
  objective === 'contrastive';
