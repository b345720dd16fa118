/** PEFT's LoraConfig, read and written. */
import type { JsonObject } from '../../json.ts';
import type { PeftConfigReader } from '../peft-config.ts';
import { loraRank, tensorNames, type LoraConfig, type LoraModule } from './config.ts';
import { savedChoice } from '../saved/saved.ts';
import { LARGEST_RANK } from './settings.ts';

/**
 * The configuration in a LoraConfig of PEFT (adapter_config.json). Alpha is 8 and dropout 0 if they are missing, as in PEFT.
 *
 * @throws GraftError `adapter-config` naming a field with a bad value, `adapter-unsupported` for what Graft does not train, such as saved
 * modules other than embedding and head, or added tokens that do not follow each other
 */
export function readLora(reader: PeftConfigReader): LoraConfig {
  return {
    rank: reader.number(
      'r',
      (value) => Number.isInteger(value) && value >= 1 && value <= LARGEST_RANK,
      `a whole number from 1 to ${LARGEST_RANK}`,
    ),
    alpha: reader.number('lora_alpha', (value) => value > 0, 'a number above 0', 8),
    dropout: reader.number('lora_dropout', (value) => value >= 0 && value < 1, 'a number from 0 to 1', 0),
    rsLora: reader.set('use_rslora'),
    targets: [
      ...reader.names('target_modules'),
      ...reader.names('target_parameters').map((name) => name.replace(/\.weight$/, '')),
    ],
    rankPattern: reader.pattern('rank_pattern'),
    alphaPattern: reader.pattern('alpha_pattern'),
    ...readSaved(reader),
    ...readTokens(reader),
    ...(reader.set('layers_to_transform') && { layersToTransform: readLayers(reader) }),
  };
}

/** @throws GraftError `adapter-unsupported` for modules other than embedding and head, or for one copy that replaces both */
function readSaved(reader: PeftConfigReader): Pick<LoraConfig, 'modulesToSave'> {
  if (!reader.set('modules_to_save')) return {};
  const names = reader.names('modules_to_save');
  const modulesToSave = savedChoice(names);
  if (modulesToSave === undefined || modulesToSave === 'none')
    throw reader.unsupported(`modules_to_save ${names.join(', ').slice(0, 60)}`);
  if (reader.set('ensure_weight_tying')) throw reader.unsupported('ensure_weight_tying');
  return { modulesToSave };
}

/**
 * Rows of tokens, in the embedding and the head alike. A token whose text is unknown has an empty one.
 *
 * @throws GraftError `adapter-unsupported` for ids that do not follow each other, or that differ between modules
 */
function readTokens(reader: PeftConfigReader): Pick<LoraConfig, 'addTokens' | 'firstToken'> {
  const FIELD = 'trainable_token_indices';
  if (!reader.set(FIELD)) return {};
  const lists = reader.listsOfWholes(FIELD);
  if (lists.length === 0) return {};
  const odd = lists.find(({ name }) => name !== undefined && !/(^|\.)(embed_tokens|wte|lm_head)$/.test(name));
  if (odd) throw reader.unsupported(`${FIELD} of ${odd.name?.slice(0, 60)}`);
  const [{ ids }] = lists;
  if (lists.some((list) => list.ids.join() !== ids.join()))
    throw reader.unsupported(`${FIELD} with other tokens for one module than for another`);
  if (ids.length === 0 || ids.some((id, at) => id !== ids[0] + at))
    throw reader.unsupported(`${FIELD} with ids that do not follow each other`);
  return { addTokens: ids.map((id) => reader.added.get(id) ?? ''), firstToken: ids[0] };
}

/** If the list of layers has another name in the model, the tensors say which layers are meant. */
export function readLayers(reader: PeftConfigReader): readonly number[] {
  return reader.set('layers_pattern') ? [] : reader.wholes('layers_to_transform');
}

/**
 * The fields of PEFT's LoraConfig that a LoRA decides. Target modules, saved modules and new tokens are not among them: export/peft.ts writes those
 * for every kind.
 *
 * @param useDora whether the adapter is a DoRA (Liu and others, 2024)
 */
export function writeLora(config: LoraConfig, useDora: boolean): JsonObject {
  return {
    bias: 'none',
    init_lora_weights: true,
    lora_alpha: config.alpha,
    alpha_pattern: config.alphaPattern,
    lora_dropout: config.dropout,
    ...(config.layersToTransform && { layers_to_transform: config.layersToTransform }),
    peft_type: 'LORA',
    r: config.rank,
    rank_pattern: config.rankPattern,
    use_dora: useDora,
    use_rslora: config.rsLora,
  };
}

/** The error text if a file's tensors have another rank than its configuration says. */
export function otherRank({ path, named, rank }: LoraModule, config: LoraConfig): string | undefined {
  const configured = loraRank(config, path);
  return rank === configured
    ? undefined
    : `Tensor ${tensorNames(named ?? path).a} has the rank ${rank}, and adapter_config.json says ${configured}`;
}
