/** docs/reference/scorers.md: every scorer, from the registry that flags, forms and tables are made of. */
import { isOfCorpus, NAMED_SCORERS, REWARD_SCORERS } from '../../src/scorers/lists.ts';
import { SCORERS } from '../../src/scorers/registry.ts';
import { inPrint, needsOf, type Scorer } from '../../src/scorers/scorer.ts';
import { allowed } from '../../src/settings/values.ts';
import { code, heading, page, plain, table } from './markdown.ts';

const INTRODUCTION = `A scorer says what an answer is worth. \`graft evaluate --metrics\` and Metrics under Evaluate add its column, \`graft compare --metric\` compares two files by it, and
\`--reward\` and Rewards on the page use it with a weight ([rewards](rewards.md)). A score of rows is one number for each answer, and their mean over all rows. A score of all rows counts over all of
them together, so it cannot be a reward. Scores that are printed from 0 to 100 go from 0 to 1 as rewards. A scorer that compares texts has a setting \`within\`: a tag, whose content only is compared.

A name stands for a scorer with its defaults. With settings a scorer is JSON, as a metric and as a reward alike: \`{"name": "regex", "pattern": "^\\\\d+$", "as": "digits"}\`. \`as\` is the name of its column;
without it the column has the scorer and its settings as a name, such as \`regex ^\\d+$\`. A file of JavaScript is a metric or a reward as well, with the name of the file ([compare methods](../how-to/compare.md)).`;

const NEEDS = {
  reference: 'reference',
  label: 'one label',
  prompt: 'prompt',
  passages: 'passages',
  columns: 'other columns',
  tokens: 'tokens',
  likelihood: 'a model',
} as const;

export function scorersPage(): string {
  return page(
    heading('Scorers'),
    INTRODUCTION,
    table(
      ['scorer', 'name', 'score', 'needs', 'range', 'better', 'of', 'use'],
      SCORERS.map((scorer) => [
        code(scorer.name),
        plain(scorer.label),
        plain(scorer.help),
        needsOf(scorer)
          .map((need) => NEEDS[need])
          .join(', '),
        rangeOf(scorer),
        scorer.better,
        isOfCorpus(scorer) ? 'all rows' : 'rows',
        [
          ...(NAMED_SCORERS.includes(scorer) || !isOfCorpus(scorer) ? ['metric'] : []),
          ...(REWARD_SCORERS.some(({ name }) => name === scorer.name) ? ['reward'] : []),
        ].join(', '),
      ]),
    ),
    '## Settings',
    table(
      ['scorer', 'setting', 'default', 'allowed', ''],
      SCORERS.filter(({ of }) => of === 'attempts').flatMap(({ name, settings }) =>
        settings.map((setting) => [
          code(name),
          code(setting.name),
          setting.default === undefined || setting.default === '' ? '' : code(String(setting.default)),
          plain(allowed(setting)),
          plain(setting.help),
        ]),
      ),
    ),
    '## Earlier names',
    SCORERS.filter(({ aliases }) => aliases)
      .map(({ name, aliases = [] }) => `${aliases.map(code).join(', ')} is ${code(name)}.`)
      .join(' '),
  );
}

const rangeOf = (scorer: Scorer): string =>
  scorer.range ? scorer.range.map((end) => String(inPrint(scorer, end))).join(' to ') : '';
