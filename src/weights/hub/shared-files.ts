/**
 * The files of a folder that a repository should have: weights, configurations, tokenizer and card. Everything else stays, such as rows, metrics,
 * answers and lineage.json, which names places on a disk.
 */
const SHARED: readonly RegExp[] = [
  /^README\.md$/,
  /^SHA256SUMS$/,
  /^LICEN[CS]E(\.\w+)?$/,
  /^(.*\/)?(config|generation_config|adapter_config|preprocessor_config|sentence_bert_config|config_sentence_transformers|modules|quantize_config)\.json$/,
  /^(.*\/)?(tokenizer|tokenizer_config|special_tokens_map|added_tokens|vocab|merges)\.(json|txt|model)$/,
  /^(.*\/)?chat_template\.(jinja|json)$/,
  /^(.*\/)?(adapter_model|adapters|model|pytorch_model|delta)(-\d+-of-\d+)?\.safetensors$/,
  /^(.*\/)?model\.safetensors\.index\.json$/,
  /^[^/]+\.gguf$/,
  /^(Modelfile|TEMPLATE)$/,
  /^onnx\/[^/]+\.(onnx|onnx_data)$/,
];

/** Runs keep their state, and the adapter of an earlier step, in folders. */
const PRIVATE = /(^|\/)(\.|state|states|checkpoint)/;

/** Whether a file belongs into a repository of the hub: states of runs and hidden files do not. */
export const sharedFile = (name: string): boolean =>
  !PRIVATE.test(name) && SHARED.some((pattern) => pattern.test(name));
