/** How well rankings find the passages that answer questions: recall at ranks and the mean reciprocal rank. */
import { mean } from '../averages.ts';

/** A place in a document that answers a question. */
export interface Passage {
  /** The document: its file, or the file's name without folder or ending. */
  readonly doc: string;
  readonly start: number;
  readonly end: number;
  /** What stands there. It is searched for if another text stands there, as another extractor may give. */
  readonly text?: string | undefined;
}

/** A chunk, as far as relevance is concerned. */
interface PlacedChunk {
  readonly file: string;
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** Where a passage stands in a file, in UTF-16 code units of its text. */
export type PassagePlace = Pick<PlacedChunk, 'file' | 'start' | 'end'>;

export const RECALL_RANKS = [1, 5, 10] as const;
const MAX_RANK = 10;

export interface Measures {
  readonly questions: number;
  /** The share of a question's passages that have a relevant chunk among the first of a ranking, averaged over questions. */
  readonly recall: Readonly<Record<(typeof RECALL_RANKS)[number], number>>;
  /** 1 / rank of the first relevant chunk among ten, else 0, averaged over questions. */
  readonly mrr: number;
}

/** Finds the chunks of an index that are relevant to passages. */
export class Relevance {
  readonly #files = new Map<string, number[]>();
  readonly #texts = new Map<string, Squeezed>();

  constructor(private readonly chunks: readonly PlacedChunk[]) {
    chunks.forEach(({ file }, at) => {
      const places = this.#files.get(file);
      if (places) places.push(at);
      else this.#files.set(file, [at]);
    });
  }

  /** The chunks that hold at least half of a passage's characters; undefined if the index lacks the document or the passage. */
  relevantTo(passage: Passage): number[] | undefined {
    const place = this.placeOf(passage);
    return (
      place &&
      (this.#files.get(place.file) ?? []).filter((at) => {
        const { start, end } = this.chunks[at];
        const shared = Math.min(end, place.end) - Math.max(start, place.start);
        return 2 * shared >= place.end - place.start;
      })
    );
  }

  /** Where a passage stands in a file of the index; undefined if the index lacks the document or the passage. */
  placeOf(passage: Passage): PassagePlace | undefined {
    const file = this.#fileOf(passage.doc);
    const found = file === undefined ? undefined : this.#findIn(file, passage);
    return file !== undefined && found ? { file, start: found.start, end: found.end } : undefined;
  }

  #fileOf(doc: string): string | undefined {
    if (this.#files.has(doc)) return doc;
    const files = [...this.#files.keys()];
    return (
      files.find((file) => withoutEnding(file) === doc) ??
      files.find((file) => withoutEnding(file.slice(file.lastIndexOf('/') + 1)) === doc)
    );
  }

  #findIn(file: string, passage: Passage): Pick<Passage, 'start' | 'end'> | undefined {
    if (passage.text === undefined) return passage;
    let squeezed = this.#texts.get(file);
    if (!squeezed)
      this.#texts.set(
        file,
        (squeezed = new Squeezed((this.#files.get(file) ?? []).map((at) => this.chunks[at]))),
      );
    return squeezed.find(passage.text, passage);
  }
}

/** A path without the ending of its file. */
export const withoutEnding = (name: string): string => name.replace(/\.[^./]*$/, '');
const SPACE = /\s+/gu;

/** The characters of a document that are not space, as its chunks hold them, with their places. */
class Squeezed {
  readonly #text: string;
  readonly #places: readonly number[];

  /** @param chunks of the document, in its order */
  constructor(chunks: readonly PlacedChunk[]) {
    const places: number[] = [];
    const pieces: string[] = [];
    let next = 0;
    for (const { start, end, text } of chunks) {
      for (let at = Math.max(start, next); at < end; at++) {
        const character = text[at - start] ?? '';
        if (character.trim() === '') continue;
        pieces.push(character);
        places.push(at);
      }
      next = Math.max(next, end);
    }
    this.#text = pieces.join('');
    this.#places = places;
  }

  /** Where a text stands, space aside: at its usual place if it stands there, else at its first. */
  find(text: string, usual: Pick<Passage, 'start' | 'end'>): Pick<Passage, 'start' | 'end'> | undefined {
    const wanted = text.replaceAll(SPACE, '');
    if (wanted === '') return undefined;
    for (let at = this.#text.indexOf(wanted); at >= 0; at = this.#text.indexOf(wanted, at + 1))
      if (this.#places[at] === usual.start) return usual;
    const at = this.#text.indexOf(wanted);
    return at < 0 ? undefined : { start: this.#places[at], end: this.#places[at + wanted.length - 1] + 1 };
  }
}

/** A question's ranking, and the relevant chunks of each of its passages. */
export interface JudgedSearch {
  /** Chunks, best first. */
  readonly ranking: readonly number[];
  readonly relevant: readonly (readonly number[])[];
}

/** Recall and mean reciprocal rank over questions, each of which has a passage. */
export function measure(questions: readonly JudgedSearch[]): Measures {
  const recallAt = (rank: number): number =>
    mean(
      questions.map(({ ranking, relevant }) => {
        const first = new Set(ranking.slice(0, rank));
        return mean(relevant.map((chunks) => (chunks.some((chunk) => first.has(chunk)) ? 1 : 0)));
      }),
    );
  const reciprocal = ({ ranking, relevant }: JudgedSearch): number => {
    const wanted = new Set(relevant.flat());
    const at = ranking.slice(0, MAX_RANK).findIndex((chunk) => wanted.has(chunk));
    return at < 0 ? 0 : 1 / (at + 1);
  };
  return {
    questions: questions.length,
    recall: { 1: recallAt(1), 5: recallAt(5), 10: recallAt(10) },
    mrr: mean(questions.map(reciprocal)),
  };
}
