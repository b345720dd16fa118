/** Whether a completion is written in tags, such as `<think>…</think><answer>…</answer>`, one after the other and with nothing outside. */
import type { AttemptScorer, ScorerSetting, Need } from './scorer.ts';
import { isTag } from './parts/within.ts';

const SETTINGS = [
  {
    name: 'tags',
    part: 'run',
    type: 'text',
    longest: 400,
    placeholder: 'TAG,…',
    label: 'Tags',
    help: 'The names of the tags in their order, with commas between.',
    default: 'think,answer',
  },
  {
    name: 'parts',
    part: 'run',
    type: 'switch',
    label: 'Something for each tag',
    help: 'Give a share for each tag that is there once, closed, filled and in its place; otherwise all of it or nothing.',
    default: false,
  },
] as const satisfies readonly ScorerSetting[];

const namesOf = (tags: unknown): string[] =>
  String(tags)
    .split(',')
    .map((name) => name.trim());

const occursOnce = (text: string, part: string): boolean => {
  const first = text.indexOf(part);
  return first >= 0 && !text.includes(part, first + part.length);
};

/** How many tags occur once, closed, filled, and after the previous ones; and whether nothing stands outside of them. */
function read(text: string, names: readonly string[]): { found: number; isAll: boolean } {
  let [at, found, isAll] = [0, 0, true];
  for (const name of names) {
    const [open, close] = [`<${name}>`, `</${name}>`];
    const start = text.indexOf(open, at);
    const end = start < 0 ? -1 : text.indexOf(close, start + open.length);
    const isFilled = end >= 0 && text.slice(start + open.length, end).trim() !== '';
    if (!isFilled || !occursOnce(text, open) || !occursOnce(text, close)) {
      isAll = false;
      continue;
    }
    if (text.slice(at, start).trim() !== '') isAll = false;
    at = end + close.length;
    found++;
  }
  return { found, isAll: isAll && text.slice(at).trim() === '' };
}

export const formatTags = {
  of: 'attempts',
  name: 'format-tags',
  label: 'Format tags',
  heading: 'written in tags',
  help: '1 if the completion is these tags one after the other, each filled, with nothing but white space outside.',
  entry: {
    title: 'Format tags',
    what: 'The answer is made of tags one after the other, such as <think>…</think><answer>…</answer>, each filled and with nothing outside.',
    source: 'DeepSeek-AI, DeepSeek-R1, 2025, arXiv:2501.12948',
    also: 'format think answer tags xml reward',
  },
  better: 'higher',
  format: (value: number) => value.toFixed(2),
  settings: SETTINGS,
  range: [0, 1],
  needs: (): readonly Need[] => [],
  problem({ tags }) {
    const names = namesOf(tags);
    const wrong = names.find((name) => !isTag(name));
    if (wrong !== undefined) return `${JSON.stringify(wrong)} is not the name of a tag: write think,answer`;
    return new Set(names).size < names.length ? 'it has the same tag twice' : undefined;
  },
  marks: ({ tags }) => namesOf(tags).map((name) => `<${name}>`),
  open({ tags, parts }) {
    const names = namesOf(tags);
    return {
      score({ completion }) {
        const { found, isAll } = read(completion, names);
        return isAll ? 1 : parts ? found / (names.length + 1) : 0;
      },
    };
  },
} as const satisfies AttemptScorer;
