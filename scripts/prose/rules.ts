/**
 * The house style as rules: the terms of the field first, and plain sentences. A rule looks at one sentence at a time. Its examples are tested
 * (tests/unit/prose.test.ts).
 */

export interface Rule {
  readonly name: string;
  /** What breaks it. The flags `g` and `u` are added; upper and lower case are alike. */
  readonly find: RegExp;
  /** What to write instead. */
  readonly instead: string;
  /** A sentence that breaks it, and one that does not. */
  readonly wrong: string;
  readonly right: string;
}

/** Words of our own for which the field has a term. */
export const TERMS: readonly Rule[] = [
  {
    name: 'rows at once',
    find: /\brows at once\b/,
    instead: 'batch size',
    wrong: 'Rows at once: 8.',
    right: 'The batch size is 8.',
  },
  {
    name: 'batches a step',
    find: /\bbatches an? step\b/,
    instead: 'gradient accumulation',
    wrong: 'Batches a step: 4.',
    right: 'Gradient accumulation: 4.',
  },
  {
    name: 'passes',
    find: /^passes$|\b(?:a|one|two|three|\d+) pass(?:es)?\b|\bpass(?:es)? over the\b|\bonce a pass\b/,
    instead: 'epochs',
    wrong: 'It takes three passes over the rows.',
    right: 'Three epochs; the backward pass follows; the check passes.',
  },
  {
    name: 'longest row',
    find: /\blongest row\b|^limit$/,
    instead: 'max sequence length',
    wrong: 'Longest row',
    right: 'The max sequence length is 512.',
  },
  {
    name: 'rate',
    find: /^rate$|\b(?:the|a|an|its|high|higher|low|lower|small|smaller|large|larger|usual|best|\d) rates?\b(?! (?:of (?:false|success)|it|the|from))/,
    instead: 'learning rate',
    wrong: 'A lower rate helps.',
    right: 'A lower learning rate helps.',
  },
  {
    name: 'answers a prompt',
    find: /\b(?:answers|completions|samples) an? prompt\b/,
    instead: 'generations per prompt',
    wrong: 'Answers a prompt: 8.',
    right: 'Eight generations per prompt.',
  },
  {
    name: 'updates a sample',
    find: /\bupdates an? (?:sample|step)\b/,
    instead: 'iterations',
    wrong: 'Updates a sample: 2.',
    right: 'Two iterations.',
  },
  {
    name: 'epsilon above',
    find: /\bepsilon above\b/,
    instead: 'upper epsilon',
    wrong: 'Epsilon above',
    right: 'The upper epsilon is 0.28.',
  },
  {
    name: 'cut answers',
    find: /\bcut (?:answers?|rows?)\b|\b(?:answers?|rows?|they|tokens?|is|are|was|were) cut\b/,
    instead: 'truncated',
    wrong: 'Answers that were cut give no gradient.',
    right: 'Truncated answers give no gradient.',
  },
  {
    name: 'spread',
    find: /\b(?:and|the|a|mean,?) spread\b/,
    instead: 'standard deviation',
    wrong: 'It shows mean, spread and count; the spread is 0.1.',
    right: 'The rows are spread evenly.',
  },
  {
    name: 'full marks',
    find: /\bfull marks\b/,
    instead: 'pass',
    wrong: 'How many rows get full marks.',
    right: 'How many rows pass.',
  },
  {
    name: 'wanted answer',
    find: /\b(?:wanted|expected) (?:answers?|tokens)\b/,
    instead: 'reference answer',
    wrong: 'It compares with the wanted answer.',
    right: 'It compares with the reference answer.',
  },
  {
    name: 'pairs in order',
    find: /\bpairs? (?:that (?:are|is) |are |is )?(?:not )?in (?:the right )?order\b/,
    instead: 'preference accuracy',
    wrong: 'All pairs are in order.',
    right: 'The preference accuracy is 1.',
  },
  {
    name: 'learned by heart',
    find: /\b(?:learn(?:s|ed|t|ing)?|know(?:s|n)?) (?:\w+ )?by heart\b/,
    instead: 'overfitting',
    wrong: 'The rows are learned by heart.',
    right: 'The run is overfitting.',
  },
  {
    name: 'all weights',
    find: /\b(?:run|runs|training|tuning|model|models) of all weights\b|^all weights$/,
    instead: 'full fine-tuning',
    wrong: 'A run of all weights forgets more.',
    right: 'Full fine-tuning trains all weights.',
  },
  {
    name: 'one stage after another',
    find: /\bone stage after another\b/,
    instead: 'sequential fine-tuning',
    wrong: 'One stage after another',
    right: 'Sequential fine-tuning',
  },
  {
    name: 'processor',
    find: /\bprocessors?\b(?! time)/,
    instead: 'CPU',
    wrong: 'It runs on the processor.',
    right: 'It runs on the CPU.',
  },
  {
    name: 'product',
    find: /\b(?:f32|f16|matrix|dense|quantised|these|the|of) products?\b(?! of )/,
    instead: 'matmul',
    wrong: 'The f32 product takes most of a step.',
    right: 'The f32 matmul takes most of a step.',
  },
  {
    name: 'the reverse',
    find: /\brecords? the reverse\b|\bthe reverse (?:of|pass)\b/,
    instead: 'backward',
    wrong: 'It records the reverse.',
    right: 'It records the backward.',
  },
  {
    name: 'planes of state',
    find: /\bplanes?(?: of (?:state|the optimiser))\b/,
    instead: 'optimiser state',
    wrong: 'Adam has two planes of state.',
    right: 'Adam has two arrays of optimiser state.',
  },
];

/** Syntax that reads as if translated. */
export const PATTERNS: readonly Rule[] = [
  {
    name: 'where',
    find: /(?:^|[,;:(] |\b(?:only|and|or|but|not|also|even|except) )where\b(?! (?:to|it (?:is|was|began|starts|ends)|they are|things are|the time|that is)\b)(?!.*\?$)|(?<!\b(?:from|to|of|know|knows|known|says?|shows?|see|tells?|folder|place|places|page|file|point|position|chooses|remembers|names?|exactly|is|are|ask|asks|layer|browser|row|line|time) )(?<![,;:(] )(?<!\b(?:only|and|or|but|not|also|even|except) )\bwhere (?:an?|the|there|it|they|no|nothing|one|rows|answers|memory|that)\b/,
    instead: 'if, or when',
    wrong: 'The loss is shown where a run has one.',
    right: 'It says where the adapter is.',
  },
  {
    name: 'alone',
    find: /(?<!\b(?:stands|leave|leaves|left|let|it) )\balone\b/,
    instead: 'only',
    wrong: 'It trains the norms alone.',
    right: 'Leave it alone.',
  },
  {
    name: 'beside',
    find: /\bbesides?\b/,
    instead: 'next to, in addition to, other than',
    wrong: 'A copy lies beside the file.',
    right: 'A copy lies next to the file.',
  },
  {
    name: 'begin',
    find: /\b(?:begin|begins|began|begun|beginning|beginnings)\b/,
    instead: 'start',
    wrong: 'The run begins anew.',
    right: 'The run starts again.',
  },
  {
    name: 'tell',
    find: /\b(?:tells?|told|telling)\b(?! apart\b)(?!.*\bapart\b)/,
    instead: 'report, show, say',
    wrong: 'The verdict tells of perplexity.',
    right: 'The verdict reports perplexity.',
  },
  {
    name: 'what as a subject',
    find: /^what (?:is|was|it|they|a|an|the|has|needs|comes|does|do|no|was|runs?)\b.*[.:;]$/,
    instead: 'a noun as the subject',
    wrong: 'What was measured stays.',
    right: 'What does the goat eat?',
  },
  {
    name: 'behind',
    find: /\bbehind\b/,
    instead: 'after',
    wrong: 'The answer is asked behind examples.',
    right: 'The answer is asked after examples.',
  },
  {
    name: 'is of',
    find: /\b(?:is|are|was|were) of (?!course|use|no use|interest)/,
    instead: 'a verb that says what',
    wrong: 'The loss is of all rows.',
    right: 'Most of these are, of course, right.',
  },
  {
    name: 'is no',
    find: /\b(?:is|are|was|were) no\b(?! (?:longer|more|less|fewer)\b)(?<!\bthere (?:is|are|was|were) no)/,
    instead: 'is not a',
    wrong: 'That is no number.',
    right: 'There is no file; it is no longer needed.',
  },
  {
    name: ', too',
    find: /, too(?=$|[.,;:)!?])/,
    instead: 'also, as well',
    wrong: 'It is measured, too.',
    right: 'It is also measured.',
  },
  {
    name: 'go on',
    find: /\b(?:go|goes|going|gone|went) on\b/,
    instead: 'continue',
    wrong: 'The run goes on.',
    right: 'The run continues.',
  },
  { name: 'anew', find: /\banew\b/, instead: 'again', wrong: 'It starts anew.', right: 'It starts again.' },
  {
    name: 'are others',
    find: /\b(?:is|are|was|were) (?:another|others)(?=[.,;:]|$)/,
    instead: 'differ',
    wrong: 'The columns are others.',
    right: 'The columns differ.',
  },
  {
    name: 'of which',
    find: /\bof (?:which|whose)\b/,
    instead: 'a second sentence',
    wrong: 'It has ten rows, of which two are held out.',
    right: 'It has ten rows; two are held out.',
  },
  {
    name: 'Of in front',
    find: /^of (?!course)/,
    instead: 'the subject first',
    wrong: 'Of a loss there is no test.',
    right: 'Losses have no test.',
  },
  {
    name: 'a for per',
    find: /\b(?:rows|tokens|answers|batches|updates|nats|steps|prompts|bits|bytes|times|milliseconds) an? (?:step|token|prompt|second|row|sample|line|batch|parameter|answer|weight|number)\b/,
    instead: 'per',
    wrong: 'It takes 40 tokens a second.',
    right: 'It takes 40 tokens per second.',
  },
  {
    name: 'chain of semicolons',
    find: /;[^;]*;/,
    instead: 'sentences',
    wrong: 'It reads; it trains; it writes.',
    right: 'It reads; it trains.',
  },
  {
    name: 'long sentence',
    // A word ends at its end only, so that no sentence takes long.
    find: /^(?:\P{L}*\p{L}[\p{L}\p{M}’'-]*(?![\p{L}\p{M}’'-])){31}/u,
    instead: 'at most 30 words, better 25',
    wrong:
      'A sentence of this length says one thing and then another thing and then a third thing, so that whoever reads it has to keep the first in mind until the last has come at its very end.',
    right: 'A short sentence says one thing.',
  },
];

export const RULES: readonly Rule[] = [...TERMS, ...PATTERNS];

/** Sentences of a passage. A colon or a semicolon does not end one. */
export const sentencesOf = (text: string): string[] =>
  text
    .split(/(?<=[.!?]["”’)]?)\s+(?=[\p{Lu}“"‘(…])/u)
    .map((sentence) => sentence.trim())
    .filter((sentence) => sentence !== '');

/** How often a sentence breaks a rule. */
export function breaks({ find }: Rule, sentence: string): number {
  return [...sentence.matchAll(new RegExp(find.source, 'giu'))].length;
}
