/** How it is found out whether it helped. */
import { SCORERS } from '../../../scorers/registry.ts';
import type { Chapter, Term } from './term.ts';

export const MEASURE: Chapter = {
  name: 'The measure',
  terms: [
    ...SCORERS.map(({ name, entry: { what, more, less, start, source, also } }): Term => ({
      id: name,
      ...{ what, more, less, start, source, also },
    })),
    {
      id: 'own-metric',
      what: 'A scorer with settings has a column of its own: a regular expression, a JSON schema, a range of lengths, or an expression in JavaScript. Code sees the prompt, the answer and the row. It runs in a sandbox without network, files and clock. The same JSON is a metric of graft evaluate --metrics.',
      start:
        'Check what a program needs of an answer: its form by a regular expression, its JSON by a schema. An answer on which your own code fails counts as 0.',
      source: 'JSON Schema, draft 2020-12, json-schema.org',
      also: 'custom metric regex json schema javascript expression settings',
    },
    {
      id: 'overfitting',
      what: 'The training loss falls and the validation loss rises: the model repeats its rows instead of learning the task.',
      start: 'Fewer steps, a lower rank or learning rate, or more rows and more varied ones.',
      source: 'Hastie, Tibshirani, Friedman, The Elements of Statistical Learning, 2009, section 7.2',
      also: 'memorisation overfit learned by heart',
    },
    {
      id: 'baseline',
      what: 'The score of the cheapest method. If it is good enough, you are done. If not, the adapter has to beat it.',
      start:
        'Measure the rules, the base model, and the base with an instruction and examples in its prompt.',
      source: 'Brown et al., Language Models are Few-Shot Learners, 2020, arXiv:2005.14165',
      also: 'prompting zero-shot',
    },
    {
      id: 'few-shot',
      what: 'A few rows of the training part stand in the prompt before the question. No training, and often enough.',
      more: 'Usually better up to a point; every question gets longer and slower.',
      start: '3 to 5. If this does the task, do not tune.',
      source: 'Brown et al., Language Models are Few-Shot Learners, 2020, arXiv:2005.14165',
      also: 'in-context learning shots k examples',
    },
    {
      id: 'instructed',
      what: 'Before each question the base model hears the task in a sentence and, if answers are labels, their list. This is how a person would prompt it.',
      more: 'A clearer instruction often helps more than examples. Try it on a row, then measure.',
      start: 'Your sentence under Task. If this does the task, do not tune.',
      source:
        'Ouyang et al., Training Language Models to Follow Instructions with Human Feedback, 2022, arXiv:2203.02155',
      also: 'prompt engineering instruction zero-shot',
    },
    {
      id: 'retrieval',
      what: 'A search finds the passages of your documents that fit a question, and they stand in the prompt before it. The model reads the answer instead of knowing it, so a changed document changes the answer at once.',
      more: 'More passages hold the answer more often, and take more of the window and more time.',
      start:
        'For facts that change, measure it before you tune: Evaluate does once the project has documents, and so does graft evaluate --index.',
      source: 'Lewis et al., Retrieval-Augmented Generation, 2020, arXiv:2005.11401',
      also: 'rag documents search index passages',
    },
    {
      id: 'retriever',
      what: 'The encoder that finds passages, with an adapter that has learned which passage answers which question. Each question is compared with its own passage and with all others of its step.',
      more: 'Recall@5 is the share of questions whose passage is among the first five. MRR is the mean of 1 / rank of the first right one among ten. Both are measured on questions that were held out.',
      start:
        'Tune it when questions with your own words miss their passage. Few questions bring little: measure it, and keep the encoder as it is if nothing is gained.',
      source: 'Henderson et al., Efficient Natural Language Response Suggestion, 2017, arXiv:1705.00652',
      also: 'retriever encoder contrastive hard negatives recall mrr sentence-transformers',
    },
    {
      id: 'majority',
      what: 'The answer that is most frequent in training, given to every question. It costs nothing; a model that does not beat it has learned nothing.',
      source: 'scikit-learn documentation, DummyClassifier',
      also: 'majority class dummy rule',
    },
    {
      id: 'nearest',
      what: 'Copies the answer of the training row that shares most words with the question, with rare words weighing more. If this does well, a search box would also do.',
      source: 'Cover & Hart, Nearest Neighbor Pattern Classification, 1967',
      also: 'nearest neighbour knn copy retrieval tf-idf',
    },
    {
      id: 'interval',
      what: 'The range in which the true score lies with 95% confidence, given the number of rows that were asked. It is Wilson’s if every row has the least or the most, as for a share of right rows, else a bootstrap over the rows.',
      more: 'More rows make it narrower. Two intervals that overlap may be luck.',
      source: 'Wilson, Probable Inference, the Law of Succession, and Statistical Inference, 1927, JASA 22',
      also: 'confidence wilson significance',
    },
    {
      id: 'mcnemar',
      what: 'Two methods on the same rows: on how many only the one is right, and on how many only the other. If both were equally good, each such row would be a coin toss. The exact McNemar test computes how often coins fall that unevenly.',
      more: 'More rows show smaller differences. With fewer than six rows that differ, every result may be chance.',
      source:
        'McNemar, Note on the Sampling Error of the Difference Between Correlated Proportions, Psychometrika 12, 1947',
      also: 'paired test chance significance p value won lost',
    },
    {
      id: 'cross-validation',
      what: 'The rows of training and validation are dealt to k folds. For each fold a run learns the other rows, and its adapter answers those of the fold. So every row is answered once by an adapter that did not see it, and all answers are scored together. Equal rows, and rows of one source, stay in one fold.',
      more: 'More folds train on more rows, and each costs a run. Two adapters share most of their rows, so an interval over all rows is somewhat too narrow.',
      start:
        'Five folds, if the test part has few rows. Then train one run on all rows: its adapter is the one to use.',
      source:
        'Stone, Cross-Validatory Choice and Assessment of Statistical Predictions, JRSS B 36, 1974; Bengio and Grandvalet, No Unbiased Estimator of the Variance of K-Fold Cross-Validation, JMLR 5, 2004',
      also: 'k-fold folds few rows small data crossvalidate',
    },
    {
      id: 'choices',
      what: 'If answers are labels, or each row lists the texts to choose from, the model need not write. The likelihood of each text after the question is computed, and the likeliest one is the answer. So every answer is one of the list.',
      more: 'It says what the model knows, apart from whether it writes a label exactly. Written answers say what a person gets who asks it.',
      start:
        'Choose if your program chooses as well. Else write, and compare both: a large gap means that the model knows the label and does not write it.',
      source:
        'Gao et al., lm-evaluation-harness, task type multiple_choice, 2021, github.com/EleutherAI/lm-evaluation-harness',
      also: 'likelihood multiple choice labels log-probability accuracy acc',
    },
    {
      id: 'calibration',
      what: 'The likelihoods of a list become probabilities that add up to 1. They are calibrated if, of the answers with a probability of 80%, 80% are right. A reliability diagram draws the share of right answers over their probability: on its line both are equal. The expected calibration error is the mean distance from the line, over 15 bins weighted by their rows.',
      less: 'Closer to the line. A low error does not mean a good model: always saying 50% to a coin is calibrated.',
      start:
        'Look at it before you let a program act on a probability. With few rows in a bin its dot moves by luck.',
      source: 'Guo et al., On Calibration of Modern Neural Networks, 2017, arXiv:1706.04599',
      also: 'ece expected calibration error reliability diagram brier score confidence overconfident',
    },
    {
      id: 'tuned-table',
      what: 'Every adapter of the project and every fully fine-tuned model, next to the base. It shows the cost: saved parameters, peak memory and median time of a step. It shows the score on the same test rows (preference accuracy for pairs, the mean for rewards), and what was forgotten of a fixed text and fixed prompts. KL to the base says how far the answers to the prompts of your rows have moved; that is neither good nor bad.',
      more: 'Numbers that were measured on other rows, or on fewer or more of them, are not shown. Rows differ in difficulty, and the difference would look like one between adapters.',
      start:
        'Train two kinds with the same rows and steps, and measure them together. Take the cheapest one that may be as good as the best, and look at what it forgot.',
      source:
        'Dietterich, Approximate Statistical Tests for Comparing Supervised Classification Learning Algorithms, Neural Computation 10, 1998; Biderman et al., LoRA Learns Less and Forgets Less, 2024, arXiv:2405.09673',
      also: 'compare kinds adapters leaderboard table lora dora ia3 full same rows forgetting memory parameters speed',
    },
    {
      id: 'model-judge',
      what: 'A model reads a question and two answers, and the verdict is the likelier of “A” and “B” after a prompt that you can change. Each pair is asked in both orders, and only an answer that wins in both has won. The share of pairs whose verdict changed with the order is the position bias. Cohen’s kappa says how far the judge agrees with a person beyond chance: 0 is chance, 1 is full agreement.',
      more: 'A kappa whose interval lies above 0 says that the judge sees something of what the person sees.',
      less: 'If the interval contains 0, the judge may as well toss a coin: its win rate is not shown as a result.',
      start: 'Judge 20 pairs or more blind, let the model judge the same ones, and look at kappa first.',
      source:
        'Zheng and others, Judging LLM-as-a-Judge, 2023, arXiv:2306.05685; Cohen, A Coefficient of Agreement for Nominal Scales, Educational and Psychological Measurement 20, 1960',
      also: 'llm as a judge kappa agreement position bias win rate a/b',
    },
    {
      id: 'pair-accuracy',
      what: 'The share of held-out pairs whose chosen answer the model prefers: the accuracy that a run on pairs reports for validation. With a reference policy, an answer is measured by how much likelier it is to the model than to the reference. Without one, it is measured by its mean log-probability per token. The reference itself prefers neither, so it has no number.',
      more: 'More pairs are preferred as labelled. It says nothing about the answers that the model writes itself: ask it, or vote blind.',
      less: 'A coin gets half of the pairs.',
      start: 'Compare stages and adapters on the same pairs. A fall of a few pairs may be chance.',
      source:
        'Rafailov et al., Direct Preference Optimization, 2023, arXiv:2305.18290; Lambert et al., RewardBench, 2024, arXiv:2403.13787',
      also: 'preference accuracy reward accuracy pairs in order chosen rejected',
    },
    {
      id: 'test-sample',
      what: 'Answers take time, so some of the test rows are asked, drawn by the split seed. If answers are labels, each occurs about as often as in the whole test part. Every method gets the same rows, and more rows include the fewer.',
      more: 'A narrower interval, and a longer wait.',
      start: '20 for a first look, 200 for a decision.',
      source: 'Cochran, Sampling Techniques, 1977, chapter 5',
      also: 'stratified random sample seed rows',
    },
  ],
};
