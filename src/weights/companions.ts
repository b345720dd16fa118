/** The files of a model folder besides its weights. */

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

/** How an encoder pools, in a folder of its own. */
export const POOLING_FOLDER = '1_Pooling';
export const POOLING_FILE = 'config.json';

/** Files of sentence-transformers that Graft reads of an encoder: its steps, its window, its prefixes and its pooling. */
export const ENCODER_COMPANIONS: readonly string[] = [
  'modules.json',
  'sentence_bert_config.json',
  'config_sentence_transformers.json',
  `${POOLING_FOLDER}/${POOLING_FILE}`,
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
  // For an encoder of sentence-transformers.
  'modules.json',
  'sentence_bert_config.json',
  'config_sentence_transformers.json',
];

/** Where an encoder's folder has its weights as ONNX: as they were trained, or in 8 bits. */
export const ONNX_FILES = ['onnx/model.onnx', 'onnx/model_quantized.onnx'];

/** The first of these files among the names. */
export const onnxFileOf = (names: readonly string[]): string | undefined =>
  ONNX_FILES.find((name) => names.includes(name));
