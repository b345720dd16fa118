// What run.mjs calls in the page. Each function returns plain JSON.
import { decoding } from './decoding.js';
import { matmul } from './matmul.js';
import { matmulOnProcessor, trainModelOnProcessor, trainStepOnProcessor } from './processor.js';
import { trainStep } from './train-step.js';

window.peers = {
  matmul,
  trainStep,
  matmulOnProcessor,
  trainStepOnProcessor,
  trainModelOnProcessor,
  decoding,
};
