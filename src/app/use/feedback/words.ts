/** Findings in a queue of judged answers, in sentences. */
import type { FeedbackFinding } from '../../../worker/api.ts';

export function findingInWords(finding: FeedbackFinding): string {
  switch (finding.kind) {
    case 'leak':
      return finding.part === 'test'
        ? `The test row on line ${finding.line} asks the same. This entry is left out of training, so that the test stays honest.`
        : `The validation row on line ${finding.line} asks the same: the validation loss will look better than it is.`;
    case 'known':
      return `The training row on line ${finding.line} teaches the same already.`;
    case 'copy':
      return 'An earlier entry teaches the same.';
    case 'contrary':
      return 'An earlier entry wants another answer to the same question.';
  }
}
