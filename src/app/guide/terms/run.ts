/** What happens while it trains, and the settings of that. */
import { TABLE } from '../../../settings/table.ts';
import type { TermId } from '../names.ts';
import { LORA_PAPER } from './sources.ts';
import type { Chapter, Term } from './term.ts';

/** Settings that bring their entries with them. */
const CONTRIBUTED = TABLE.settings.flatMap(({ term }): Term[] =>
  term?.entry ? [{ id: term.id as TermId, ...term.entry }] : [],
);

export const RUN: Chapter = {
  name: 'The run',
  terms: [
    {
      id: 'step',
      what: 'One update of the trained weights, after a batch of rows.',
      more: 'Learns more, until the run overfits.',
      less: 'Stops before it has learned.',
      start: 'Two or three epochs.',
      source: `${LORA_PAPER}, appendix D`,
      also: 'steps iterations updates max_steps',
    },
    {
      id: 'epoch',
      what: 'All training rows once. The number of epochs is steps × rows per step ÷ training rows.',
      more: 'Better recall, then overfitting.',
      less: 'Fewer chances for rare rows.',
      start: '3; 1 with thousands of rows.',
      source: 'TRL documentation, SFT Trainer',
      also: 'epochs passes num_train_epochs',
    },
    {
      id: 'batch',
      what: 'Rows that go through the model together before the adapter changes.',
      more: 'Steadier steps, more memory.',
      less: 'Noisier steps; use a lower learning rate.',
      start: '8 for small models, 4 for larger ones.',
      source: 'Goyal et al., Accurate, Large Minibatch SGD, 2017, arXiv:1706.02677',
      also: 'micro-batch batch size per_device_train_batch_size',
    },
    {
      id: 'accumulation',
      what: 'Gradients of several batches are added before the adapter changes: a larger batch without its memory.',
      more: 'Steadier steps that take as many times longer.',
      start: '1; more if the memory holds no larger batch.',
      source: 'Transformers documentation, gradient_accumulation_steps',
      also: 'gradient accumulation accumulate',
    },
    {
      id: 'packing',
      what: 'Short rows are laid end to end, and each sees only itself, so that no time goes into padding. Losses and gradients stay the same.',
      start: 'On if rows differ much in length.',
      source: 'Krell et al., Efficient Sequence Packing without Cross-contamination, 2021, arXiv:2107.02027',
      also: 'pack padding',
    },
    {
      id: 'share-prefixes',
      what: 'The first tokens that rows of a batch have in common go through the model once. They are an instruction, a system prompt, or the prompt of several answers. Each row sees them as if they were its own. Losses and gradients stay the same.',
      more: 'Steps take less time and memory, the longer the common part is next to the answers.',
      start: 'On. It does nothing with dropout, nor for rows that start differently.',
      source: 'Juravsky et al., Hydragen, 2024, arXiv:2402.05099',
      also: 'prefix sharing common prompt instruction tree attention',
    },
    {
      id: 'lr',
      what: 'How far each step moves the adapter.',
      more: 'Learns faster, then the loss jumps or runs away.',
      less: 'A calm curve, and little is learned before the run ends.',
      start: '2e-4 for models from 100 million parameters; 4e-3 for Sprig. Halve it if the loss jumps.',
      source:
        'Dettmers et al., QLoRA, 2023, arXiv:2305.14314, appendix B; Biderman et al., 2024, arXiv:2405.09673',
      also: 'lr rate step size',
    },
    {
      id: 'schedule',
      what: 'How the learning rate falls over the run: slowly at both ends (cosine), in a straight line, or not at all.',
      start: 'Cosine. Constant if you want to stop at any time.',
      source: 'Loshchilov & Hutter, SGDR, 2016, arXiv:1608.03983',
      also: 'cosine linear constant decay lr_scheduler_type',
    },
    {
      id: 'warmup',
      what: 'The learning rate rises from 0 over the first steps, while the optimiser learns how large gradients are.',
      more: 'A safer start and fewer full steps.',
      less: 'Risk of a jump at the very start.',
      start: '5 steps, or a tenth of a short run.',
      source: 'Goyal et al., Accurate, Large Minibatch SGD, 2017, arXiv:1706.02677',
      also: 'warm-up warmup_steps',
    },
    {
      id: 'clip',
      what: 'A gradient with a larger norm is scaled down to this one, so that one odd batch cannot throw the run off.',
      more: 'Odd batches move more.',
      less: 'Every step is scaled down, as if the learning rate were lower.',
      start: '1. 0 turns it off.',
      source:
        'Pascanu et al., On the Difficulty of Training Recurrent Neural Networks, 2012, arXiv:1211.5063',
      also: 'max_grad_norm clipping',
    },
    {
      id: 'gradient-norm',
      what: 'How strongly a batch pulls at the adapter. A spike is an odd batch; a steady rise means that the learning rate is too high.',
      start: 'Look at the rows of a step that spikes.',
      source: 'Pascanu et al., 2012, arXiv:1211.5063',
      also: 'grad norm gradient',
    },
    {
      id: 'weight-decay',
      what: 'Pulls the adapter towards zero at each step.',
      more: 'Weaker adapters that hold less.',
      less: '0 lets it learn freely.',
      start: '0; 0.01 with many epochs.',
      source: 'Loshchilov & Hutter, Decoupled Weight Decay Regularization, 2017, arXiv:1711.05101',
      also: 'decay l2 regularisation',
    },
    {
      id: 'optimiser',
      what: 'The rule that turns gradients into steps: AdamW gives every weight a step of its own size, Lion steps of one size, SGD follows the gradient as it is.',
      more: 'The learning rate has a different meaning for each: one that suits AdamW is too large for Lion and too small for SGD.',
      start: 'AdamW.',
      source: 'Kingma & Ba, Adam, 2014, arXiv:1412.6980; Loshchilov & Hutter, 2017, arXiv:1711.05101',
      also: 'optimizer adam adamw lion sgd betas',
    },
    {
      id: 'objective',
      what: 'The goal of training. Supervised fine-tuning learns the answer of each row, token by token. A preference objective learns from pairs of answers which of the two is better. DPO, IPO, APO and hinge compare with a reference policy. SimPO needs none, and ORPO also learns the chosen answers. KTO needs no pairs: single answers, each marked as desirable or not.',
      start:
        'Supervised, and then DPO from the adapter that learned the task. ORPO if both should be one run.',
      source: 'Rafailov et al., Direct Preference Optimization, 2023, arXiv:2305.18290',
      also: 'loss sft supervised dpo ipo hinge apo orpo simpo kto preference rlhf alignment',
    },
    {
      id: 'grpo',
      what: 'The model samples several answers to a prompt, and rewards score them. An answer above the mean of its group becomes more likely, one below it less likely. No row has to show a right answer: it is enough that a rule can recognise one.',
      more: 'It finds answers that the rows do not have, as long as the model gives some of them by chance.',
      less: 'An answer that the model never gives cannot be rewarded: tune on a few solved rows first.',
      start:
        'Read the reward, not the loss: the loss is near 0 however well it learns, since a group is as much better than its mean as it is worse. Read some answers as well: a high reward can have unwanted causes.',
      source: 'Shao and others, DeepSeekMath, 2024, arXiv:2402.03300',
      also: 'reinforcement learning rl rlvr ppo policy advantage',
    },
    {
      id: 'entropy',
      what: 'How open the choice of the next token is while answers are sampled, in nats: the mean of −log p over the tokens that were drawn, which is an estimate.',
      more: 'Answers to one prompt differ, and there is something to compare.',
      less: 'Near 0 all answers are the same, and nothing more is learned.',
      start:
        'Watch it fall slowly. If it drops to nothing, lower the learning rate or raise the upper epsilon.',
      source: 'Yu and others, DAPO, 2025, arXiv:2503.14476',
      also: 'exploration collapse variety',
    },
    {
      id: 'adapter-mixture',
      what: 'The weighted sum of what adapters change. A weight of 1 is the adapter as it is, and a negative one takes its effect away. The sum has the ranks of all together. A cut to a lower rank keeps the largest singular values of each change ΔW. It is the best approximation of that rank, and it costs the rest.',
      start: 'Weights that add up to about 1. Cut the rank as long as the loss on test rows stays.',
      source:
        'Ilharco and others, Editing Models with Task Arithmetic, 2022, arXiv:2212.04089; Eckart and Young, 1936',
      also: 'merge combine weighted adapter task arithmetic svd singular values rank truncation workshop slider',
    },
    {
      id: 'preference-pair',
      what: 'A row with one prompt and two answers: one is chosen and one rejected. Only the difference is learned: neither answer has to be perfect.',
      start:
        'Columns prompt, chosen and rejected. A few hundred pairs whose difference you could put into words.',
      source: 'Rafailov et al., Direct Preference Optimization, 2023, arXiv:2305.18290',
      also: 'chosen rejected comparison human feedback ultrafeedback',
    },
    {
      id: 'drift',
      what: 'How far the model has moved from the reference policy, in nats. For pairs it is half the mean square of the log-ratio of both over the answers of the batch. That is the KL divergence to second order: good for small numbers, too high for large ones. KTO estimates the divergence from mismatched answers, as the mean of their log-ratio, at least 0. Both are nats per answer. For sampled answers (GRPO with a beta above 0) it is the estimate exp(d) − d − 1 in nats per token. Here d is the log-probability of a token by the reference less that by the model.',
      more: 'The further, the less is left of what the model could do before.',
      start:
        'Watch it next to the margin: drift that grows while validation does not improve brings nothing. A higher beta or a lower learning rate limits it.',
      source:
        'Schulman, Approximating KL Divergence, 2020; Ethayarajh and others, KTO, 2024, arXiv:2402.01306',
      also: 'kl divergence reference policy log-ratio k2 estimator',
    },
    {
      id: 'length-bias',
      what: 'Chosen answers that are longer (or shorter) than rejected ones all through: the easiest thing to learn from such pairs is the length. Cohen’s d says how far apart the two are, in standard deviations: 0.2 is small, 0.5 medium, 0.8 large.',
      start:
        'Below 0.3. Above 0.8 balance the pairs, or use an objective whose rewards are means over tokens (IPO, SimPO).',
      source:
        'Park and others, Disentangling Length from Quality in Direct Preference Optimization, 2024, arXiv:2403.19159',
      also: 'verbosity cohen d effect size lengths pairs',
    },
    {
      id: 'blind-vote',
      what: 'Two answers are shown without their names, in an order that chance decides, and you say which is better. Whoever knows which model wrote an answer judges it by that. A vote makes a pair: the answer that you chose, and the one that you did not.',
      start:
        'Both sides at a temperature of about 0.8, so that their answers differ. Keys 1, 2, and 0 for no difference.',
      source: 'Chiang and others, Chatbot Arena, 2024, arXiv:2403.04132',
      also: 'a/b ab arena side by side preference human feedback vote',
    },
    {
      id: 'feedback',
      what: 'Judgements of answers that the model can learn from: good, bad, or what it should have said. You look through them first. Then a short run continues from the adapter in use. It learns the accepted feedback and a share of the earlier rows, so that those are not forgotten (replay). Both adapters answer the same test rows before one takes the place of the other.',
      start:
        'Ten corrected answers or more, and half of what is drawn from earlier rows. Correct rather than dislike: a correction says where to go.',
      source:
        'Ouyang and others, Training language models to follow instructions with human feedback, 2022, arXiv:2203.02155; Rolnick and others, Experience Replay for Continual Learning, 2019, arXiv:1811.11682',
      also: 'adaptive thumbs correction human in the loop continual learning replay queue review',
    },
    {
      id: 'use-circle',
      what: 'Use, rows, tune, measure, and use again. A log of real use shows what the training rows miss: refusals, empty and repeating answers, and questions about other topics (drift). What went wrong becomes rows, a short run learns them, and a measurement decides which adapter is used. The distance of topics is that of Jensen and Shannon between the words of questions and of training rows, next to the distance that chance gives.',
      start:
        'Switch the log on in Use, or open a file that graft serve or a chat page wrote. Ask people before you log what they write.',
      source:
        'Endres and Schindelin, A new metric for probability distributions, 2003, doi:10.1109/TIT.2003.813506',
      also: 'deployment log monitoring drift topics refusals production usage telemetry loop',
    },
    {
      id: 'judged-answer',
      what: 'A row with a prompt, one answer, and a label that says whether the answer is desirable. Thumbs up and down are such rows. Nobody has to write or find a second answer to compare with.',
      start:
        'Columns prompt, completion and label (true or false), and the objective KTO. Both labels, in about equal numbers; otherwise weigh the rarer one higher.',
      source:
        'Ethayarajh and others, KTO: Model Alignment as Prospect Theoretic Optimization, 2024, arXiv:2402.01306',
      also: 'kto unpaired preference thumbs desirable undesirable completion label feedback',
    },
    {
      id: 'reward-margin',
      what: 'The reward of an answer is beta times how much likelier the model makes it than the reference does. The margin is the chosen reward less the rejected one; the accuracy is the share of pairs whose margin is above zero.',
      more: 'An accuracy of 1 on the training pairs with growing margins is over-optimisation: the run overfits the pairs, and answers get worse.',
      start: 'Look at the validation pairs. Stop when their loss rises, or raise beta.',
      source:
        'Rafailov et al., Scaling Laws for Reward Model Overoptimization in Direct Alignment Algorithms, 2024, arXiv:2406.02900',
      also: 'reward accuracy margins chosen rejected logps over-optimisation',
    },
    ...CONTRIBUTED,
    {
      id: 'seed',
      what: 'The number that decides everything random: the initial weights of the adapter, the order of rows, dropout, sampled tokens. The same seed on the same machine gives the same curve, and the same answer.',
      start: 'Any. Run two or three to see how much is luck.',
      source:
        'Dodge et al., Fine-Tuning Pretrained Language Models: Weight Initializations, Data Orders, and Early Stopping, 2020, arXiv:2002.06305',
      also: 'random reproducible',
    },
    {
      id: 'trained-weights',
      what: 'Full fine-tuning may leave weights as they are: the embeddings, the first layers, or everything but norms and biases (BitFit). Frozen weights need no gradient and no optimiser state, and the backward pass ends at the lowest trained layer.',
      more: 'More weights learn more and forget more.',
      less: 'Less memory, faster steps, smaller checkpoints and a smaller delta. Norms and biases take a learning rate as high as an adapter’s.',
      start: 'All of them, or the last half of the layers if memory is short.',
      source:
        'Ben Zaken et al., BitFit, 2022, arXiv:2106.10199; Lee et al., Surgical Fine-Tuning, 2023, arXiv:2210.11466',
      also: 'freeze frozen layers last n embeddings norms biases bitfit partial',
    },
    {
      id: 'lineage',
      what: 'A run may start from an existing adapter: general first, then medicine, then paediatric cardiology. Each stage is saved with the adapter that it started from and the rows that it learned. A later stage may forget an earlier one. So every stage is measured on the test rows of all stages: by exact match, preference accuracy or mean reward. Answers that were right before and are wrong now are counted, unless it may be chance.',
      start:
        'If a stage forgets, mix a fifth of the earlier rows in (replay), or train all of them together as tasks.',
      source:
        'Kirkpatrick et al., Overcoming catastrophic forgetting in neural networks, 2017, arXiv:1612.00796; Scialom et al., Fine-tuned Language Models are Continual Learners, 2022, arXiv:2205.12393',
      also: 'sequential continual learning replay stages catastrophic forgetting parent history',
    },
    {
      id: 'checkpoint',
      what: 'The state of a run, saved while it trains. After a pause, a reload or a crash the run continues from there, with the same curve to the bit.',
      source: 'Graft documentation, Reliability',
      also: 'resume save state',
    },
    {
      id: 'checkpointing',
      what: 'Activations are computed again in the backward pass instead of being kept.',
      more: 'On: a fraction of the memory, about a third more time.',
      less: 'Off: faster, if it fits.',
      start: 'Off until memory is short.',
      source: 'Chen et al., Training Deep Nets with Sublinear Memory Cost, 2016, arXiv:1604.06174',
      also: 'gradient checkpointing memory recompute',
    },
    {
      id: 'precision',
      what: 'The number format on the GPU. f16 takes half the memory of f32. Adapters, sums and the optimiser always use f32 here.',
      source: 'Micikevicius et al., Mixed Precision Training, 2017, arXiv:1710.03740',
      also: 'f16 f32 fp16 half float',
    },
    {
      id: 'sample-prompt',
      what: 'One prompt that is answered again and again during the run, so that you see the model learn.',
      start: 'A held-out question whose answer you know.',
      source: 'Graft documentation, Use the studio',
      also: 'answer every samples sampleEvery',
    },
    {
      id: 'eval-every',
      what: 'How often the loss on the validation rows is measured.',
      more: 'More steps between: less time lost, coarser view.',
      start: 'About ten times a run.',
      source: 'Transformers documentation, eval_steps',
      also: 'validate evaluation eval_steps',
    },
    {
      id: 'patience',
      what: 'The run ends after so many validations without a better one, and the best state is kept.',
      more: 'Waits out bad luck, and takes longer.',
      less: 'May stop at the first bump. 0 never stops early.',
      start: '3 for long runs.',
      source: 'Prechelt, Early Stopping – But When?, 1998',
      also: 'early stopping',
    },
  ],
};
