// Vectors at the end of a row or tensor, where fewer than four numbers may be left.

/** Four numbers; past the end, zeros. */
export function load4(address: usize, left: i32): v128 {
  if (left >= 4) return v128.load(address);
  let x = v128.load32_zero(address);
  if (left > 1) x = v128.load_lane<f32>(address, x, 1, 4);
  if (left > 2) x = v128.load_lane<f32>(address, x, 2, 8);
  return x;
}

/** Stores the first numbers of a vector: four, or as many as are left. */
export function store4(address: usize, x: v128, left: i32): void {
  if (left >= 4) {
    v128.store(address, x);
    return;
  }
  v128.store_lane<f32>(address, x, 0);
  if (left > 1) v128.store_lane<f32>(address, x, 1, 4);
  if (left > 2) v128.store_lane<f32>(address, x, 2, 8);
}

/** Sets four numbers, or as many as are left, or adds to them. */
export function put4(address: usize, x: v128, left: i32, accumulate: i32): void {
  store4(address, accumulate ? f32x4.add(load4(address, left), x) : x, left);
}

/** The bytes before element i of a tensor of f32. */
export function at4(i: i32): usize {
  return (<usize>i) << 2;
}
