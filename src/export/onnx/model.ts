/**
 * A merged model as an ONNX file, written tensor by tensor: memory holds one weight at a time. A protocol buffer ends at 2 GB, so that the weights of larger
 * models go into files next to it, which Transformers.js looks for by these names: model.onnx_data, model.onnx_data_1, …
 */
import type { ModelDefinition } from '../../model/definition.ts';
import { concatBytes } from '../../weights/safetensors.ts';
import type { FolderFile } from '../folder-sink.ts';
import type { MergedWeight } from '../merge.ts';
import { recordForward, type Ports } from './forward.ts';
import { tensorBytes, Nodes, TYPES, type Port, type StoredTensor, type TensorGroup } from './nodes.ts';
import { integer, integers, message, opening, textField } from './protobuf.ts';
import { Weights, type OnnxType } from './weights.ts';

type Bytes = Uint8Array<ArrayBuffer>;

/** Versions of the format and of its operators that current runtimes have had for years. */
const IR_VERSION = 8;
const OPSET = 17;

/** Numbers of fields. */
const MODEL = { ir: 1, producer: 2, graph: 7, opset: 8 } as const;
const OPSET_VERSION = 2;
const GRAPH = { node: 1, name: 2, tensor: 5, input: 11, output: 12 } as const;
const TENSOR = { length: 1, type: 2, name: 8, bytes: 9, external: 13, location: 14 } as const;
const EXTERNAL = 1;
const ENTRY = { key: 1, value: 2 } as const;
const VALUE = { name: 1, type: 2 } as const;
const VALUE_TYPE = { tensor: 1 } as const;
const TENSOR_TYPE = { element: 1, shape: 2 } as const;
const SHAPE = { dimension: 1 } as const;
const DIMENSION = { length: 1, name: 2 } as const;

/** Runtimes map files by pages. */
const PAGE = 4096;

interface OnnxModel {
  /** The data first, since the model makes no sense without them. */
  readonly files: readonly FolderFile[];
  /** How many files of data there are: 0 if the model holds its tensors. */
  readonly dataFiles: number;
}

/** The largest file: what fits into a protocol buffer and into an array of a browser. */
const LARGEST = 2 ** 31 - 2 ** 20;

/** @param name of the model's file, without its ending @param largest the size of a file */
export function onnxModel(
  name: string,
  { model, weights }: { readonly model: ModelDefinition; readonly weights: readonly MergedWeight[] },
  type: OnnxType,
  largest = LARGEST,
): OnnxModel {
  const nodes = new Nodes();
  const ports = recordForward(nodes, new Weights(nodes, weights, type), model);
  const inside = modelFile(`${name}.onnx`, nodes, ports, () => undefined);
  if (inside.size <= largest) return { files: [inside], dataFiles: 0 };
  const data = dataFiles(`${name}.onnx_data`, nodes.groups, largest);
  const places = new Map(data.flatMap(({ file, groups }) => placesIn(baseName(file.name), groups)));
  return {
    files: [
      ...data.map(({ file }) => file),
      modelFile(`${name}.onnx`, nodes, ports, (one) => places.get(one)),
    ],
    dataFiles: data.length,
  };
}

const baseName = (path: string): string => path.slice(path.lastIndexOf('/') + 1);

/** Where a tensor lies in another file. */
interface Place {
  readonly file: string;
  readonly offset: number;
}

/** @param placeOf undefined for a tensor that lies in this file */
function modelFile(
  name: string,
  { nodes, groups }: Nodes,
  { inputs, outputs }: Ports,
  placeOf: (tensor: StoredTensor) => Place | undefined,
): FolderFile {
  const before = concatBytes([
    ...nodes.map((node) => message(GRAPH.node, node)),
    textField(GRAPH.name, 'graft'),
  ]);
  const after = concatBytes([
    ...inputs.map((port) => portOf(GRAPH.input, port)),
    ...outputs.map((port) => portOf(GRAPH.output, port)),
  ]);
  const written = groups.map((group) => ({
    group,
    tensors: group.tensors.map((tensor) => tensorHead(tensor, placeOf(tensor))),
  }));
  const graphSize = written
    .flatMap(({ tensors }) => tensors)
    .reduce((sum, { head, bytes }) => sum + head.length + bytes, before.length + after.length);
  const head = concatBytes([
    integer(MODEL.ir, IR_VERSION),
    textField(MODEL.producer, 'graft'),
    message(MODEL.opset, integer(OPSET_VERSION, OPSET)),
    opening(MODEL.graph, graphSize),
    before,
  ]);
  return {
    name,
    size: head.length + graphSize - before.length,
    async *read() {
      yield head;
      for (const { group, tensors } of written) {
        const held = tensors.some(({ bytes }) => bytes > 0) ? await group.read() : [];
        for (const [at, tensor] of tensors.entries()) {
          yield tensor.head;
          if (tensor.bytes > 0) yield held[at];
        }
      }
      yield after;
    },
  };
}

/** A tensor up to its bytes, which follow if it lies in this file: then `bytes` is their number. */
function tensorHead(
  tensor: StoredTensor,
  place: Place | undefined,
): { readonly head: Bytes; readonly bytes: number } {
  const { name, type, shape } = tensor;
  const size = tensorBytes(tensor);
  const fields = [
    integers(TENSOR.length, shape),
    integer(TENSOR.type, TYPES[type]),
    textField(TENSOR.name, name),
  ];
  if (place) {
    const entries = { location: place.file, offset: String(place.offset), length: String(size) };
    const external = Object.entries(entries).map(([key, value]) =>
      message(TENSOR.external, textField(ENTRY.key, key), textField(ENTRY.value, value)),
    );
    return {
      head: message(GRAPH.tensor, ...fields, ...external, integer(TENSOR.location, EXTERNAL)),
      bytes: 0,
    };
  }
  const facts = concatBytes([...fields, opening(TENSOR.bytes, size)]);
  return { head: concatBytes([opening(GRAPH.tensor, facts.length + size), facts]), bytes: size };
}

function portOf(field: number, { name, type, shape }: Port): Bytes {
  const dimensions = shape.map((one) =>
    message(
      SHAPE.dimension,
      typeof one === 'number' ? integer(DIMENSION.length, one) : textField(DIMENSION.name, one),
    ),
  );
  const tensor = message(
    VALUE_TYPE.tensor,
    integer(TENSOR_TYPE.element, TYPES[type]),
    message(TENSOR_TYPE.shape, ...dimensions),
  );
  return message(field, textField(VALUE.name, name), message(VALUE.type, tensor));
}

const alignedSize = (tensor: StoredTensor): number => Math.ceil(tensorBytes(tensor) / PAGE) * PAGE;
const isLarge = ({ tensors }: TensorGroup): boolean => tensors.some((tensor) => tensorBytes(tensor) > PAGE);
const groupSize = ({ tensors }: TensorGroup): number =>
  tensors.reduce((sum, tensor) => sum + alignedSize(tensor), 0);

/** The groups in files of at most `largest` bytes; a larger one has a file of its own. Small tensors stay in the model: constants of the graph are among them. */
function dataFiles(
  name: string,
  groups: readonly TensorGroup[],
  largest: number,
): { readonly file: FolderFile; readonly groups: readonly TensorGroup[] }[] {
  const parts: TensorGroup[][] = [];
  let room = 0;
  for (const group of groups.filter(isLarge)) {
    const size = groupSize(group);
    if (parts.length === 0 || size > room) {
      parts.push([]);
      room = largest;
    }
    parts.at(-1)!.push(group);
    room -= size;
  }
  return parts.map((part, at) => ({
    groups: part,
    file: {
      name: at === 0 ? name : `${name}_${at}`,
      size: part.reduce((sum, group) => sum + groupSize(group), 0),
      async *read() {
        for (const group of part) {
          const held = await group.read();
          for (const [place, tensor] of group.tensors.entries()) {
            yield held[place];
            yield new Uint8Array(alignedSize(tensor) - tensorBytes(tensor));
          }
        }
      },
    },
  }));
}

function placesIn(file: string, groups: readonly TensorGroup[]): [StoredTensor, Place][] {
  let offset = 0;
  return groups
    .flatMap(({ tensors }) => tensors)
    .map((tensor) => {
      const place = { file, offset };
      offset += alignedSize(tensor);
      return [tensor, place];
    });
}
