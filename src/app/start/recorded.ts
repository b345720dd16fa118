/**
 * The run that the first visit starts, as `graft train` recorded it with earlier weights of the bundled model: 60 steps on the sea captain's rows,
 * on lavapipe, a software GPU. Training loss of each step, in nats per supervised token.
 */
export const RECORDED_LOSS: readonly number[] = [
  6.84, 6.53, 6.24, 5.71, 5.07, 3.96, 2.84, 2.51, 1.53, 1.16, 1.39, 0.701, 1.25, 1.12, 0.85, 1.67, 1.02,
  0.443, 1.02, 0.221, 0.57, 0.128, 0.184, 0.336, 0.66, 0.246, 0.568, 0.475, 0.0681, 0.154, 0.425, 0.356,
  0.0971, 0.185, 0.125, 0.0925, 0.222, 0.121, 0.111, 0.481, 0.0183, 0.023, 0.0637, 0.199, 0.0384, 0.011,
  0.0953, 0.0347, 0.0947, 0.0794, 0.0554, 0.169, 0.0272, 0.0956, 0.214, 0.0782, 0.0224, 0.066, 0.0544, 0.126,
];
export const RECORDED_ON = 'a software GPU';
