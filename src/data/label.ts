/** How long a label may be: longer answers that come up again are texts. */
export const MAX_LABEL_CHARS = 60;
const MAX_LABEL_WORDS = 6;

/** Whether an answer is as short as labels are. */
export const isShort = (answer: string): boolean =>
  answer.length <= MAX_LABEL_CHARS && answer.split(/\s+/).length <= MAX_LABEL_WORDS;
