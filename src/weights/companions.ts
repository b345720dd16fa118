/** The files of a model folder beside its weights. */

/** Files that Graft reads. */
export const READ_COMPANIONS: readonly string[] = [
  'config.json',
  'generation_config.json',
  'tokenizer.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'chat_template.jinja',
  'chat_template.json',
];

/** Files that a Hugging Face folder may hold: they are copied unchanged when a model is written that was made from that folder. */
export const COMPANIONS: readonly string[] = [
  ...READ_COMPANIONS,
  'added_tokens.json',
  'vocab.json',
  'merges.txt',
  'tokenizer.model',
  // For a multimodal model.
  'preprocessor_config.json',
  'processor_config.json',
];
