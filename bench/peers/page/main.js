// What run.mjs calls in the page. Each function returns plain JSON.
import { matmul } from './matmul.js';
import { matmulOnProcessor, trainStepOnProcessor } from './processor.js';
import { trainStep } from './train-step.js';

window.peers = { matmul, trainStep, matmulOnProcessor, trainStepOnProcessor };
