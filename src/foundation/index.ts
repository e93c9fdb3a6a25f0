/** The door of foundation/: words with no networking in them. */
export * from './assert.js';
export * from './bytes.js';
export * from './cancellation.js';
export * from './clock.js';
export * from './deadlines.js';
export * from './error.js';
export * from './error-table.js';
export * from './guarded-log.js';
export * from './guarded-metrics.js';
export * from './json.js';
export * from './log.js';
export * from './metrics.js';
export * from './random.js';
export * from './ring.js';
export * from './run-hook.js';
export * from './standard-schema.js';
export * from './turn-budget.js';
