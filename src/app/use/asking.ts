/** How a question is asked, in words: alone, or with the turns before it. */
import type { TaughtTurns } from '../../worker/api.ts';

export type Asking = 'alone' | 'conversation';

/** The way of asking that suits the rows that a model was tuned on. */
export function usualAsking(taught: TaughtTurns | undefined): Asking {
  return taught && taught.kind !== 'several' ? 'alone' : 'conversation';
}

/** Why a question is asked so, in one sentence. @param chosen what a person chose, if not the usual way */
export function whyAsked(taught: TaughtTurns | undefined, chosen: Asking | undefined): string {
  const rows = taught?.of === 'adapter' ? 'the adapter was trained on' : 'the open rows are';
  if (chosen === 'conversation' && taught && taught.kind !== 'several')
    return `Earlier turns are included, although ${rows} ${
      taught.kind === 'text' ? 'texts without turns' : 'single questions'
    }: answers may get worse from the second question on.`;
  if (chosen === 'alone') return 'The model sees only this question and no earlier turns.';
  if (taught?.kind === 'single') return `Each question is asked by itself, because ${rows} single questions.`;
  if (taught?.kind === 'text')
    return `Each question is asked by itself, because ${rows} texts without turns.`;
  if (taught?.kind === 'several') return `Earlier turns are included, because ${rows} conversations.`;
  return 'Earlier turns are included, as in any chat.';
}
