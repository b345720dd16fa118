/** The verdict of an evaluation: the adapter against the best method without tuning, on the same rows. It claims no more than the numbers show. */
import { mean } from '../averages.ts';
import { capital } from '../capital.ts';
import { plural, threeDigits } from '../numbers.ts';
import { helpInWords, LEVEL, oftenInWords, pInWords } from './chance.ts';
import { clustersOf, testInWords } from './clusters.ts';
import { methodsOf, type ComparedMethod } from './compared.ts';
import { eachReward, type Compared, type Side } from './sides.ts';
import { countPrompts, forgettingVerdict } from './forgetting.ts';
import { changedAnswers, isForgettingKnown, isUnchanged, lostAnswers, lostKnowledge } from './harm.ts';
import { gainedPairs, pairsSaid, type Pairs } from './pairs-verdict.ts';
import { compare } from './paired.ts';
import type { Draw, Evaluation, Subject } from './record.ts';
import { lossRowsInWords } from './rows-in-words.ts';
import { familiesOf, familyOf, isMedian, seedsAgainst, type SeedGroup } from './seeds.ts';
import { medianInWords, seedsSaid } from './seeds-verdict.ts';
import { caveatOf, isHeldOut } from './seen.ts';

/** Something tuned, next to the base model, and its name. */
export interface Measured extends Compared {
  readonly name: string;
}

export interface Verdict {
  /** The text before the most important number, the number, and the text after it. */
  readonly before: string;
  readonly number: string;
  readonly after: string;
  /** The winner, if the difference is hardly chance. */
  readonly winner: 'tuned' | 'untuned' | undefined;
  /** The evidence, and what it does not show. */
  readonly how: string;
  /** A caveat; may be ''. */
  readonly caution: string;
  /** Whether there are so few rows that it must not be shown large. */
  readonly isSober: boolean;
}

/** A verdict by the numbers of the rows. */
interface Said extends Omit<Verdict, 'caution' | 'isSober'> {
  /** The start of it: whether tuning helped; missing if a sentence says that by itself. */
  readonly claim?: string;
  /** Whether it speaks for the adapter. */
  readonly helps: boolean;
  /** The measurement that it quotes. */
  readonly of: Compared;
  /** Whether its number is the mean of several seeds. */
  readonly isOfSeeds?: boolean;
}

/** A perplexity that moved by less than this share is called the same. */
export const NOTICEABLE_SHARE = 0.03;
/** Fewer rows say little, whatever the result. */
export const FEW_ROWS = 20;
/** Free text is hardly ever exactly right: above this share exact answers decide. */
const FREE_TEXT_SHARE = 0.1;

/**
 * @param measured one or more adapters against the same base model on the same rows
 * @param few the base model with examples, on the same rows as well
 */
export function judge(all: readonly Measured[], few?: Side): Verdict {
  const { record } = all[0].tuned;
  const families = familiesOf(record);
  const measured = all.filter(({ tuned }) => isMedian(tuned, familyOf(families, tuned.at)));
  const [{ tuned: first }] = measured;
  const { items, made } = record;
  const methods = methodsOf(record, few);
  const rightBy = (one: Measured): number => {
    const family = familyOf(families, one.tuned.at);
    return family ? mean(family.members.map(({ exact }) => exact.count)) : rightOf(one);
  };
  const [best, tuned] = [reference(methods), bestOf(measured, rightBy)];
  const asked = { ...(made.draw && { draw: made.draw }), rows: items, subjects: record.subjects };
  const free = isFreeText(asked, Math.max(best.exact.count, rightOf(tuned)));
  const scored = measured.filter(
    (one) => one.tuned.rewards && one.base.rewards && one.tuned.rewards.length > 0,
  );
  const rewarded = scored.filter((one) => isSameReward(one, scored[0]));
  const compared = measured.filter((one) => (pairsOf(one)?.tuned.length ?? 0) > 0);
  const said =
    rewarded.length > 0
      ? byRewards(rewarded, methods, measured.length > 1)
      : compared.length > 0
        ? byPairs(compared, measured)
        : free && measured[0].base.subject.loss && first.subject.loss && rightOf(tuned) >= best.exact.count
          ? byPerplexity(measured, methods)
          : byAnswers(tuned, best, nameOf(tuned, measured), familyOf(families, tuned.tuned.at));
  const seeds = familyOf(families, said.of.tuned.at);
  const spread = seeds && !said.isOfSeeds ? medianInWords(seeds) : '';
  const rows = items.length;
  const isByPairs = rewarded.length === 0 && compared.length > 0;
  const [many, one] = isByPairs ? [pairsOf(compared[0])!.tuned.length, 'pair'] : [rows, 'row'];
  const isSober = many > 0 && many < FEW_ROWS;
  const honest = flattered(said, rows);
  return {
    ...(isSober ? soberly(honest, plural(many, one)) : spoken(honest)),
    caution: joined(
      spread,
      caveats(measured),
      isSober ? `Measure on more: ${FEW_ROWS} say a little, 200 say much.` : '',
    ),
    isSober,
  };
}

/** What speaks against the rows of each adapter, by its name if there are several. Adapters with the same caveat share a sentence. */
function caveats(measured: readonly Measured[]): string {
  const said = new Map<string, string[]>();
  for (const { name, tuned } of measured) {
    const caveat = caveatOf(tuned);
    if (caveat !== '') said.set(caveat, [...(said.get(caveat) ?? []), `“${name}”`]);
  }
  return [...said]
    .map(([caveat, names]) => (names.length === measured.length ? caveat : `${names.join(', ')}: ${caveat}`))
    .join(' ');
}

/** Rows that training saw prove no help: the headline says how many. */
function flattered(said: Said, rows: number): Said {
  const { claim, helps, after, of } = said;
  const { seen } = of.tuned.subject;
  if (!helps || typeof seen !== 'object' || seen.asked === 0) return said;
  return {
    ...said,
    ...(claim !== undefined && { claim: helpInWords(true, false) }),
    after: `${after} But training saw ${seen.asked} of these ${plural(rows, 'row')}.`,
    winner: undefined,
  };
}

/** A verdict on few rows says how few, and not for sure that tuning helped. @param many “4 rows” */
function soberly(said: Said, many: string): Omit<Verdict, 'caution' | 'isSober'> {
  const { claim, helps, after, winner } = said;
  return spoken({
    ...said,
    ...(claim !== undefined && helps && { claim: helpInWords(true, false) }),
    after: `${after} Only ${many}: too few to rely on.`,
    winner: helps ? undefined : winner,
  });
}

/**
 * Whether two adapters can be compared by their rewards: each has those of its own run. They have the same names, weights and marks as far as that
 * was kept, and give the base model's answers the same scores.
 */
export function isSameReward(
  { base: a }: Pick<Compared, 'base'>,
  { base: b }: Pick<Compared, 'base'>,
): boolean {
  const [one, other] = [a.rewards ?? [], b.rewards ?? []];
  const [marks, others] = [a, b].map((side) =>
    eachReward(side).map(({ name, weight, passMark }) => [name, weight, passMark]),
  );
  return (
    one.length === other.length &&
    one.every((value, at) => value === other[at]) &&
    (marks.length === 0 || others.length === 0 || JSON.stringify(marks) === JSON.stringify(others))
  );
}

/** The likelihoods of pairs to both; undefined if the rows are no pairs. */
function pairsOf({ base, tuned }: Compared): Pairs | undefined {
  const [before, after] = [base.subject.likelihoods, tuned.subject.likelihoods];
  return before && after && { base: before, tuned: after };
}

/** “Tuning helped” is not said if most of what the model knew is gone; if that was not measured, the verdict says so. */
function spoken({
  claim,
  helps,
  of,
  before,
  isOfSeeds: _,
  ...said
}: Said): Omit<Verdict, 'caution' | 'isSober'> {
  const lost = helps ? lostKnowledge(of) : undefined;
  if (lost)
    return {
      ...said,
      before: `Not better on the whole: ${lost}. On these rows ${uncapital(before)}`,
      winner: undefined,
    };
  const unknown = helps && !isForgettingKnown(of) ? 'Forgetting was not measured here.' : '';
  const { worse, kept } = forgottenBy(of);
  return {
    ...said,
    before: claim === undefined ? capital(before) : `${claim}: ${before}`,
    after: joined(said.after, worse),
    how: joined(said.how, unknown, kept),
  };
}

/** A single prompt may be lost by chance: from this many on a loss belongs to the headline. */
const LOST_PROMPTS = 2;

/** What it forgot, as far as that was measured: a loss belongs to the headline, and that nothing was lost to the evidence. */
function forgottenBy({ tuned: { subject } }: Compared): { readonly worse: string; readonly kept: string } {
  const { forgetting } = subject;
  const verdict = forgetting && forgettingVerdict(forgetting);
  const counts = forgetting && countPrompts(forgetting);
  if (!verdict) return { worse: '', kept: '' };
  if (!verdict.isBad || !counts) return { worse: '', kept: verdict.sentence };
  const { asked, rightBefore, rightAfter } = counts;
  const said = `it answers ${rightAfter} of ${asked} general prompts rightly, before ${rightBefore}.`;
  return rightBefore - rightAfter < LOST_PROMPTS
    ? { worse: '', kept: capital(said) }
    : { worse: `But it forgot: ${said}`, kept: '' };
}

const rightOf = ({ tuned }: Measured): number => tuned.exact.count;

/** The first with the highest score: the cheapest of equals. */
function bestOf<T>(items: readonly T[], score: (item: T) => number): T {
  return items.reduce((best, item) => (score(item) > score(best) ? item : best));
}

/** The best method: the others are compared with it. A rule that is never right is no rival. */
export function reference(methods: readonly ComparedMethod[]): ComparedMethod {
  const rivals = methods.filter(({ rule, exact }) => !rule || exact.count > 0);
  return bestOf(rivals, ({ exact }) => exact.count);
}

const nameOf = ({ name }: Measured, measured: readonly Measured[]): string =>
  measured.length > 1 ? `“${name}”` : 'the adapter';

/**
 * Whether answers are free text, which hardly any method gets right word for word.
 *
 * @param right rows that the best method gets right
 */
export function isFreeText(
  {
    draw,
    rows,
    subjects = [],
  }: {
    readonly draw?: Draw;
    readonly rows: readonly { readonly expected: string }[];
    readonly subjects?: readonly Pick<Subject, 'noLabel'>[];
  },
  right: number,
): boolean {
  // Training rows show labels that a few test rows do not: then answers that are none are counted.
  if (subjects.some(({ noLabel }) => noLabel !== undefined)) return false;
  const distinct = new Set(rows.map(({ expected }) => expected.trim())).size;
  const labels = draw ? draw.labels !== undefined : 2 * distinct <= rows.length;
  return !labels && right <= FREE_TEXT_SHARE * rows.length;
}

function byAnswers(tuned: Measured, best: ComparedMethod, adapter: string, family?: SeedGroup): Said {
  const against = family && seedsAgainst(family, best.right);
  if (family && against)
    return {
      ...seedsSaid(family, against, best, isHeldOut(tuned.tuned) ? 'held-out rows' : 'rows'),
      ...{ of: tuned, isOfSeeds: true },
    };
  const { exact, right, record } = tuned.tuned;
  const what = isHeldOut(tuned.tuned) ? 'held-out rows' : 'rows';
  const by = exact.count;
  const without = best.exact.count;
  const paired = right && best.right && compare(right, best.right, clustersOf(record, right.length));
  const sure = paired !== undefined && paired.p < LEVEL;
  const chance = sure ? '' : ' The difference may be chance.';
  const how = joined(
    pairedInWords(adapter, best.noun, record, paired),
    perplexityInWords(tuned, by - without),
  );
  if (by > without) {
    return {
      claim: helpInWords(true, sure),
      helps: true,
      before: `${adapter} gets `,
      number: `${by} of ${exact.total}`,
      after: ` ${what} exactly right. The best without tuning, ${best.doing}, gets ${without}.${chance}`,
      winner: sure ? 'tuned' : undefined,
      how,
      of: tuned,
    };
  }
  if (by === without) {
    return {
      claim: helpInWords(false, false),
      helps: false,
      before: `${adapter} gets `,
      number: `${by} of ${exact.total}`,
      after:
        by === 0
          ? ` ${what} exactly right, and so does every method without tuning.`
          : ` ${what} exactly right, as many as ${best.doing}.`,
      winner: undefined,
      how,
      of: tuned,
    };
  }
  return {
    claim: helpInWords(false, sure),
    helps: false,
    before: `${best.doing} gets `,
    number: `${without} of ${best.exact.total}`,
    after: ` ${what} exactly right, ${adapter} ${by}.${chance}`,
    winner: sure ? 'untuned' : undefined,
    how,
    of: tuned,
  };
}

/** How the difference was tested. */
function pairedInWords(
  adapter: string,
  other: string,
  record: Evaluation,
  paired: ReturnType<typeof compare> | undefined,
): string {
  if (!paired)
    return `Which rows ${other} gets right was not kept then, so no test can say whether the difference is chance. Measure again.`;
  const { onlyFirst, onlySecond, p } = paired;
  if (onlyFirst + onlySecond === 0)
    return `${capital(adapter)} and ${other} are right on the same rows: nothing tells them apart.`;
  return (
    `On the same ${plural(record.items.length, 'row')}, only ${adapter} is right on ${onlyFirst}, only ${other} on ${onlySecond}. ` +
    `If both were equally good, a split at least this uneven would come ${oftenInWords(p)} by chance (${testInWords(record)}, ${pInWords(p)}).`
  );
}

/** Perplexity stands next to exact answers, and never counts as a gain if no more answers are right. */
function perplexityInWords(of: Compared, gain: number): string {
  const { items: rows, made } = of.tuned.record;
  const { draw } = made;
  const [base, tuned] = [of.base.subject.loss, of.tuned.subject.loss];
  if (!base || !tuned) return lossRowsInWords(rows.length, undefined);
  if (!Number.isFinite(base.perplexity) || !Number.isFinite(tuned.perplexity)) return '';
  const lower = base.perplexity / tuned.perplexity > 1 + NOTICEABLE_SHARE;
  const but =
    gain < 0 ? ', but it gives fewer right ones' : gain === 0 ? ', but it gives no more right ones' : '';
  const from = `perplexity ${threeDigits(base.perplexity)} → ${threeDigits(tuned.perplexity)} from base to adapter`;
  return lower
    ? `The reference answers are likelier under the adapter (${from})${but}. ${lossRowsInWords(rows.length, tuned, draw)}`
    : `${capital(from)}. ${lossRowsInWords(rows.length, tuned, draw)}`;
}

/** An adapter that learned from rewards is judged by them: answers other than the file's may be worth as much. */
function byRewards(
  measured: readonly Measured[],
  methods: readonly ComparedMethod[],
  isNamed: boolean,
): Said {
  const tuned = bestOf(measured, (one) => meanOf(one.tuned.rewards));
  const { rewards = [], record } = tuned.tuned;
  const { items: rows, made } = record;
  // A rule copies what stands in rows, which is not what the rewards are for.
  const untuned = methods.filter(({ rule }) => !rule);
  const best = bestOf(untuned, (one) => meanOf(one.rewards));
  const adapter = isNamed ? `“${tuned.name}”` : 'the adapter';
  const by = meanOf(rewards);
  const without = meanOf(best.rewards);
  const paired = compare(
    rows.map((_, at) => rewards[at] > best.rewards![at]),
    rows.map((_, at) => rewards[at] < best.rewards![at]),
    clustersOf(record, rows.length),
  );
  const { onlyFirst, onlySecond, p } = paired;
  const gains = by > without;
  // The mean may move against most rows, of which the test knows nothing but their number.
  const sure = p < LEVEL && onlyFirst > onlySecond === gains;
  const numbers = {
    number: `${threeDigits(without)} → ${threeDigits(by)}`,
    after: ` from ${best.doing}, the best without tuning, to ${adapter}.${sure || by === without ? '' : ' The difference may be chance.'}`,
    how:
      onlyFirst + onlySecond === 0
        ? `On the same ${plural(rows.length, 'row')} the rewards of both are the same.`
        : `On the same ${plural(rows.length, 'row')} the answer of ${adapter} gets a higher reward on ${onlyFirst}, a lower one on ${onlySecond}. ` +
          `If both were equally good, a split at least this uneven would come ${oftenInWords(p)} by chance (${testInWords(record).replace('McNemar', 'sign')}, ${pInWords(p)}). ` +
          `A reward says what ${made.rewards ? 'it checks' : 'was asked of the run'}. Read its answers to see whether they are what you want.`,
  };
  return {
    claim: helpInWords(gains, sure),
    helps: gains,
    before: 'the mean reward goes ',
    ...numbers,
    winner: sure && by !== without ? (gains ? 'tuned' : 'untuned') : undefined,
    of: tuned,
  };
}

/**
 * What learned from pairs is judged by the answers that it came to prefer. That is no help if it writes what the base model writes, or if the
 * chosen answers themselves are lost.
 */
function byPairs(compared: readonly Measured[], measured: readonly Measured[]): Said {
  const tuned = bestOf(compared, (one) => gainedPairs(pairsOf(one)!).filter(Boolean).length);
  const of = tuned;
  const adapter = nameOf(tuned, measured);
  const { how: evidence, ...said } = pairsSaid(adapter, pairsOf(of)!);
  const how = joined(evidence, changesInWords(of), perplexityInWords(of, 1));
  const lost = lostAnswers(of);
  if (lost)
    return {
      ...{ ...said, how, of, helps: false, winner: 'untuned' },
      claim: helpInWords(false, true),
      before: `${lost}, though ${said.before}`,
    };
  if (said.helps && isUnchanged(of))
    return {
      ...{ ...said, how, of, helps: false, winner: undefined },
      claim: 'No answer changed',
      before: `all ${of.tuned.answers.length} are the base model’s, to the letter, though ${said.before}`,
    };
  return { ...said, how, of };
}

function changesInWords(of: Compared): string {
  const { length } = of.tuned.answers;
  return length === 0
    ? ''
    : `${changedAnswers(of)} of ${plural(length, 'answer')} of its own differ from the base model’s.`;
}

const meanOf = (values: readonly number[] = []): number =>
  values.length === 0 ? -Infinity : values.reduce((sum, value) => sum + value, 0) / values.length;

/** Free text: perplexity, and what it does not show. */
function byPerplexity(measured: readonly Measured[], methods: readonly ComparedMethod[]): Said {
  const tuned = bestOf(measured, (one) => -perplexityOfTuned(one));
  const adapter = nameOf(tuned, measured);
  const perplexityOf = (method: ComparedMethod): number => method.loss?.perplexity ?? Infinity;
  // The base model has a perplexity, and comes first: of equals it is the plainer one.
  const best = bestOf(
    methods.filter((method) => method.loss),
    (method) => -perplexityOf(method),
  );
  if (tuned.tuned.subject.otherText)
    return {
      helps: false,
      before: `${adapter} reads the text with new tokens, as other rows than the base model, so the two are not compared: perplexity `,
      number: `${threeDigits(perplexityOf(best))} and ${threeDigits(perplexityOfTuned(tuned))}`,
      after: '.',
      winner: undefined,
      how: 'A perplexity is for each token: with other tokens and other passages it is another measure. Its answers say more.',
      of: tuned,
    };
  const ratio = perplexityOf(best) / perplexityOfTuned(tuned);
  const number = `${threeDigits(perplexityOf(best))} → ${threeDigits(perplexityOfTuned(tuned))}`;
  const than = best.key === 'base' ? 'the base model' : best.doing;
  const { exact, record, subject } = tuned.tuned;
  const { items: rows, made } = record;
  const by = rows.length === 0 ? 'the held-out text' : 'the reference answers';
  const how = joined(
    rows.length === 0
      ? 'No test row asks for an answer, so none is compared.'
      : `The answers are free text: ${exact.count} of ${rows.length} match the reference word for word with ${adapter}, ${tuned.base.exact.count} with the base model.`,
    'Perplexity says how likely the reference text is to a model, in content and style. It does not say whether a model’s own answers are true or good.',
    lossRowsInWords(rows.length, subject.loss, made.draw),
  );
  if (ratio > 1 + NOTICEABLE_SHARE)
    return {
      helps: !isUnchanged(tuned),
      before: `${adapter} is less surprised by ${by} than ${than}: perplexity `,
      number,
      after: isUnchanged(tuned) ? '. Its own answers are the base model’s, to the letter.' : '.',
      winner: isUnchanged(tuned) ? undefined : 'tuned',
      how,
      of: tuned,
    };
  const same = !(ratio <= 1 / (1 + NOTICEABLE_SHARE));
  return {
    claim: helpInWords(false, !same),
    helps: false,
    before: `${adapter} is ${same ? `about as surprised by ${by} as` : `more surprised by ${by} than`} ${than}: perplexity `,
    number,
    after: '.',
    winner: same ? undefined : 'untuned',
    how,
    of: tuned,
  };
}

const perplexityOfTuned = ({ tuned }: Compared): number => tuned.subject.loss?.perplexity ?? Infinity;

const joined = (...sentences: readonly string[]): string => sentences.filter(Boolean).join(' ');
const uncapital = (text: string): string => text.charAt(0).toLowerCase() + text.slice(1);
