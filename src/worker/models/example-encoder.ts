/** The encoder of a project, if it chooses the examples before a question. */
import type { EncoderPort } from '../../evaluate/methods/method.ts';
import { GraftError } from '../../errors.ts';
import type { Progress, Prompting } from '../api.ts';
import type { Documents } from '../documents/documents-api.ts';

/** @returns undefined for examples that need none @throws GraftError `documents-encoder` */
export async function exampleEncoder(
  documents: Pick<Documents, 'library'>,
  { examples, projectId }: Partial<Pick<Prompting, 'examples' | 'projectId'>> = {},
  onProgress: (progress: Progress) => void,
): Promise<EncoderPort | undefined> {
  if (examples !== 'similar') return undefined;
  const library = await documents.library();
  const name = projectId === undefined ? undefined : await library.encoderOf(projectId);
  if (projectId === undefined || name === undefined)
    throw new GraftError(
      'documents-encoder',
      'Examples that are similar by meaning need an encoder, and this project has none.',
      'Choose an encoder for its documents, or choose the examples by words.',
    );
  return {
    name,
    async embed(texts, signal) {
      onProgress({ what: 'embedding', done: 0, total: texts.length });
      return library.embed(projectId, texts, signal);
    },
  };
}
