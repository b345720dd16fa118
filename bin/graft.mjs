#!/usr/bin/env node
import { load } from './bundle.mjs';

await load('main');
