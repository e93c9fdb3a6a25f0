/** The door of testing/: what makes tests repeatable, for users too. */
export * from './scripted-server.js';
export * from './seeded-random.js';
export * from './virtual-time.js';
