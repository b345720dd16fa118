/**
 * The run that the first visit starts, as `graft train` recorded it: 60 steps on the sea captain's rows, on lavapipe, a software GPU.
 * Training loss of each step, in nats per supervised token.
 */
export const RECORDED_LOSS: readonly number[] = [
  6.4, 6.27, 6.42, 6.56, 5.51, 4.31, 3.02, 1.72, 1.42, 1.68, 1.5, 0.94, 0.855, 1.32, 0.956, 0.833, 0.895,
  0.443, 0.763, 0.359, 0.618, 1.21, 0.216, 0.855, 0.127, 0.589, 0.463, 0.169, 0.171, 0.216, 0.404, 0.57,
  0.169, 0.118, 0.115, 0.177, 0.335, 0.193, 0.24, 0.139, 0.134, 0.0728, 0.104, 0.0596, 0.18, 0.0951, 0.0846,
  0.0724, 0.0533, 0.102, 0.0755, 0.152, 0.0259, 0.138, 0.0405, 0.113, 0.198, 0.156, 0.0678, 0.115,
];
export const RECORDED_ON = 'a software GPU';
