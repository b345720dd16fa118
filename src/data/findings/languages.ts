/** Rows in another language than most rows. */
import type { Example } from '../example.ts';
import { smallNumbers, wholeNumbers } from '../number-column.ts';
import type { Found, RuleAtWork } from './finding.ts';
import { textOfQuestion, wordsOf } from './texts.ts';
import { answerOf } from '../unwritable.ts';

const LATIN = 'Latin script';

/** Scripts that say which language a text is not in. */
const SCRIPTS: Readonly<Record<string, RegExp>> = {
  [LATIN]: /\p{Script=Latin}/gu,
  'Cyrillic script': /\p{Script=Cyrillic}/gu,
  'Greek script': /\p{Script=Greek}/gu,
  'Arabic script': /\p{Script=Arabic}/gu,
  'Hebrew script': /\p{Script=Hebrew}/gu,
  'Devanagari script': /\p{Script=Devanagari}/gu,
  'Thai script': /\p{Script=Thai}/gu,
  'Korean script': /\p{Script=Hangul}/gu,
  'Chinese or Japanese script': /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]/gu,
};

/** Frequent short words of languages in Latin script, without those that English texts have as well. */
const FREQUENT: Readonly<Record<string, ReadonlySet<string>>> = {
  English: setOf(
    'the of and to is was that for it with you are this not have from be my your what how when which would there were can has',
  ),
  German: setOf(
    'der das und ist nicht ein eine zu mit den von sie ich auf dem für sich es auch wie wir haben wird sind oder kann mein bei',
  ),
  French: setOf(
    'le la les et est des une un que qui dans pas sur avec ce il elle je vous nous au du sont mon votre être cette mais',
  ),
  Spanish: setOf(
    'el la los las es que de en un una por con para se su mi lo como más pero está cuando muy qué cómo del al',
  ),
  Italian: setOf(
    'il la di che è un una per non sono con del della le si lo mi ma più anche questo gli nel alla ho',
  ),
  Portuguese: setOf(
    'os é que de em um uma para não com da na por mais se eu meu você está como mas são ao foi',
  ),
  Dutch: setOf(
    'de het een en dat niet ik op te zijn met voor er maar om wat mijn naar ook aan bij hoe kan wordt',
  ),
};

function setOf(words: string): ReadonlySet<string> {
  return new Set(words.split(' '));
}

const NAMES = Object.keys(FREQUENT);
/** The languages that have a word among their frequent ones, by their places in the names. */
const LANGUAGES_OF = new Map<string, number[]>();
NAMES.forEach((name, at) => {
  for (const word of FREQUENT[name]) LANGUAGES_OF.set(word, [...(LANGUAGES_OF.get(word) ?? []), at]);
});

/** Letters, and frequent words, without which a text is too short to say. */
const MIN_LETTERS = 12;
const MIN_HITS = 4;
const MIN_DISTINCT = 3;
/** A language has so many times the frequent words of the next. */
const LEAD = 2;
/** Characters of a text that are looked at. */
const LOOKED_AT = 600;

/** The language of a text, or its script; undefined if it is too short or too mixed to say. */
export function languageOf(text: string): string | undefined {
  const start = text.slice(0, LOOKED_AT);
  const script = scriptOf(start);
  if (script !== LATIN) return script;
  const words = wordsOf(start);
  if (words.length < MIN_HITS) return undefined;
  const hits = NAMES.map((): string[] => []);
  for (const word of words) for (const at of LANGUAGES_OF.get(word) ?? []) hits[at].push(word);
  if (hits.every(({ length }) => length < MIN_HITS)) return undefined;
  const [best, next] = hits
    .map((own, at) => ({ name: NAMES[at], hits: own }))
    .sort((a, b) => b.hits.length - a.hits.length);
  const isKnown =
    best.hits.length >= Math.max(MIN_HITS, LEAD * next.hits.length) &&
    new Set(best.hits).size >= MIN_DISTINCT;
  return isKnown ? best.name : undefined;
}

const BEYOND_ASCII = /[\u0080-\uffff]/;

/** How many letters an ASCII text has; a list of them would be most of the garbage of a check. */
function asciiLetters(text: string): number {
  let count = 0;
  for (let at = 0; at < text.length; at++) {
    const lower = text.charCodeAt(at) | 0x20;
    if (lower >= 0x61 && lower <= 0x7a) count++;
  }
  return count;
}

/** The script of more than half of the letters; undefined without enough letters or one such script. */
function scriptOf(text: string): string | undefined {
  const isAscii = !BEYOND_ASCII.test(text);
  const letters = isAscii ? asciiLetters(text) : (text.match(/\p{L}/gu)?.length ?? 0);
  if (letters < MIN_LETTERS) return undefined;
  if (isAscii) return LATIN;
  return Object.keys(SCRIPTS).find((name) => (text.match(SCRIPTS[name])?.length ?? 0) > letters / 2);
}

/** With fewer rows of a known language, or a larger share of other ones, nothing is reported: a mix that even is meant. */
const MIN_ROWS = 10;
const MAX_OTHERS = 0.2;

/** Prompts and answers each: translations ask in one language and answer in another. */
export function findLanguageMix(): RuleAtWork {
  const sides = [new Languages('prompts', textOfQuestion), new Languages('answers', answerOf)];
  return {
    see({ row, example }) {
      if (example) for (const side of sides) side.see(row, example);
    },
    found: () => sides.flatMap((side) => side.found()),
  };
}

/** The languages of one text of each row, in the order in which they come up. */
class Languages {
  readonly #names: string[] = [];
  readonly #counts: number[] = [];
  readonly #rows = wholeNumbers();
  readonly #languages = smallNumbers();

  constructor(
    private readonly what: string,
    private readonly textOf: (example: Example) => string,
  ) {}

  see(row: number, example: Example): void {
    const name = languageOf(this.textOf(example));
    if (name === undefined) return;
    let language = this.#names.indexOf(name);
    if (language < 0) {
      language = this.#names.push(name) - 1;
      this.#counts.push(0);
    }
    this.#counts[language]++;
    this.#rows.push(row);
    this.#languages.push(language);
  }

  found(): Found[] {
    const known = this.#rows.length;
    if (known < MIN_ROWS) return [];
    const [most, ...others] = this.#counts
      .map((count, language) => ({ count, language }))
      .sort((a, b) => b.count - a.count);
    if (others.length === 0 || known - most.count > MAX_OTHERS * known) return [];
    const names = others.map(({ count, language }) => `${count} in ${this.#names[language]}`).join(', ');
    return [
      {
        id: 'language-mix',
        rows: Array.from(this.#rows.all.filter((_, at) => this.#languages.at(at) !== most.language)),
        detail: `${most.count} of ${known} ${this.what} in a known language are in ${this.#names[most.language]}, and ${names}.`,
      },
    ];
  }
}
