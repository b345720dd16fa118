// A model of one node in ONNX's protobuf encoding (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto), written by hand.

const FLOAT = 1;
const ATTRIBUTE_INT = 2;

function varint(value) {
  const bytes = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return [...bytes, rest];
    bytes.push((rest % 128) | 128);
  }
}

const int = (field, value) => [...varint(field * 8), ...varint(value)];
const bytes = (field, content) => [...varint(field * 8 + 2), ...varint(content.length), ...content];
const text = (field, value) => bytes(field, [...new TextEncoder().encode(value)]);

function valueInfo(name, dims) {
  const shape = dims.flatMap((dim) => bytes(1, int(1, dim)));
  const tensorType = [...int(1, FLOAT), ...bytes(2, shape)];
  return [...text(1, name), ...bytes(2, bytes(1, tensorType))];
}

/** c = a · b, or a · bᵀ as a Gemm; all [side, side] f32. */
export function productModel(side, transposed) {
  const attribute = [...text(1, 'transB'), ...int(3, 1), ...int(20, ATTRIBUTE_INT)];
  const node = [
    ...text(1, 'a'),
    ...text(1, 'b'),
    ...text(2, 'c'),
    ...text(4, transposed ? 'Gemm' : 'MatMul'),
    ...(transposed ? bytes(5, attribute) : []),
  ];
  const graph = [
    ...bytes(1, node),
    ...text(2, 'product'),
    ...bytes(11, valueInfo('a', [side, side])),
    ...bytes(11, valueInfo('b', [side, side])),
    ...bytes(12, valueInfo('c', [side, side])),
  ];
  const IR_VERSION = 8;
  const OPSET = 13;
  return Uint8Array.from([...int(1, IR_VERSION), ...bytes(7, graph), ...bytes(8, int(2, OPSET))]);
}
