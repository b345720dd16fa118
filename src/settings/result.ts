/** What a run leaves. It is known here without the table of what can learn, for which the first screen has no room; a test holds it against the table. */
const MODELS: readonly string[] = ['full'];

/** An adapter, or a whole model after full fine-tuning. */
export const resultOf = ({ method }: { readonly method?: string }): 'adapter' | 'model' =>
  method !== undefined && MODELS.includes(method) ? 'model' : 'adapter';
