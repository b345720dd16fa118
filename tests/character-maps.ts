/** The character maps of the repository, as the command has them. */
import { readFileSync } from 'node:fs';
import { characterMaps, CHARACTER_MAPS } from '../src/retrieval/character-maps.ts';

export const MAPS = characterMaps(
  async () => new Uint8Array(readFileSync(new URL(`../public/${CHARACTER_MAPS}`, import.meta.url))),
);
