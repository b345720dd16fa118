/** What the page says of a tuned encoder that was measured. */
import { expect, test } from 'vitest';
import { gainWords } from '../../../src/app/documents/retriever/gain-words.ts';

const TRAINED = { name: 'Finder', runId: 'a' };

test('a gain is named only if its interval is above 0', () => {
  const gain = { value: 0.12, interval: [0.03, 0.21], better: 14, worse: 3 } as const;
  expect(gainWords(TRAINED, gain, 40)).toBe(
    'Finder: MRR@10 +0.120 (95% interval +0.030 to +0.210) against the encoder as it is; 14 found higher, 3 lower, 23 unmoved. It finds more.',
  );
  expect(gainWords(TRAINED, { ...gain, interval: [-0.02, 0.2] }, 40)).toMatch(/That may be chance\.$/);
  expect(gainWords(TRAINED, { ...gain, value: -0.1, interval: [-0.2, -0.01] }, 40)).toMatch(
    /MRR@10 −0\.100 .* It finds less\.$/,
  );
});

test('few questions, and an adapter from elsewhere, come with a warning', () => {
  const same = { value: 0, better: 0, worse: 0 };
  expect(gainWords(TRAINED, same, 2)).toBe(
    'Finder: MRR@10 0.000 against the encoder as it is; 2 unmoved. No gain. Only 2 questions: too few to rely on.',
  );
  expect(gainWords({ name: 'Other' }, { value: 0.5, better: 1, worse: 0 }, 1)).toMatch(
    /The questions are too few for an interval\. Only 1 question: .* whether it has seen these questions is not known here\.$/,
  );
});
