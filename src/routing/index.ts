/** The door of routing/: the mount contract, the router, the access rules. */
export * from './access.js';
export * from './errors-queue.js';
export * from './interceptor.js';
export * from './interceptors.js';
export * from './mount.js';
export * from './router.js';
export * from './origin-gate.js';
export * from './owner.js';
export * from './policy.js';
export * from './server-subscriptions.js';
export * from './submission.js';
