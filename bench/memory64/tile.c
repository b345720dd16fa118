// The register tile of the CPU engine's products and a pass over memory, for wasm32 and wasm64: see run.mjs.
#include <wasm_simd128.h>

// Without a C library.
void *memset(void *to, int value, unsigned long bytes) {
  for (unsigned char *at = to; bytes > 0; bytes--) *at++ = value;
  return to;
}

// c[6][8] = Σ a[k][6] · b[k][8], of packed panels.
static void tile(const float *a, const float *b, float *c, int k) {
  v128_t sums[6][2];
  for (int i = 0; i < 6; i++)
    for (int j = 0; j < 2; j++) sums[i][j] = wasm_f32x4_splat(0);
  for (int p = 0; p < k; p++) {
    v128_t left = wasm_v128_load(b + p * 8), right = wasm_v128_load(b + p * 8 + 4);
#pragma unroll
    for (int i = 0; i < 6; i++) {
      v128_t x = wasm_v128_load32_splat(a + p * 6 + i);
      sums[i][0] = wasm_f32x4_relaxed_madd(x, left, sums[i][0]);
      sums[i][1] = wasm_f32x4_relaxed_madd(x, right, sums[i][1]);
    }
  }
  for (int i = 0; i < 6; i++)
    for (int j = 0; j < 2; j++) wasm_v128_store(c + i * 8 + j * 4, sums[i][j]);
}

void tiles(const float *a, const float *b, float *c, int k, int m, int n) {
  for (int i = 0; i < m; i++)
    for (int j = 0; j < n; j++)
      tile(a + (long)i * k * 6, b + (long)j * k * 8, c + ((long)i * n + j) * 48, k);
}

// y += x, as activations and optimisers have it.
void add(float *y, const float *x, int n) {
  for (int i = 0; i < n; i += 4)
    wasm_v128_store(y + i, wasm_f32x4_add(wasm_v128_load(y + i), wasm_v128_load(x + i)));
}
