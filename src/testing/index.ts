/** The door of testing/: what makes tests repeatable, and the contracts of the ports as suites, for users too. */
export * from './connection-pair.js';
export * from './mount-contract.js';
export * from './scripted-server.js';
export * from './seeded-random.js';
export * from './stream-store-contract.js';
export * from './virtual-time.js';
export { ContractViolation, type ContractCase } from './contract-case.js';
