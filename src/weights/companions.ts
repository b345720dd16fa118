/** The files of a model folder beside its weights. */

/** What Graft reads. */
export const READ_COMPANIONS: readonly string[] = [
  'config.json',
  'generation_config.json',
  'tokenizer.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'chat_template.jinja',
  'chat_template.json',
];

/** All that a folder of the Hugging Face kind may hold: it goes along as it is when a model is written that was made from that folder. */
export const COMPANIONS: readonly string[] = [
  ...READ_COMPANIONS,
  'added_tokens.json',
  'vocab.json',
  'merges.txt',
  'tokenizer.model',
  // For a model that also sees.
  'preprocessor_config.json',
  'processor_config.json',
];
