/** The text of the default templates of questions, which the page shows without loading what renders them. */

export const DEFAULT_QUESTION = 'What does {{ name }} say about {{ heading or name }}?';
export const DEFAULT_QUESTION_ANSWER = '{{ sentence }}';
