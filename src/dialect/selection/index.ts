/** The door of dialect/selection/. */
export * from './dialect-selection.js';
