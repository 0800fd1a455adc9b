import assert from 'node:assert/strict';
import { lowerProgram } from '../../src/lower/lower.js';
