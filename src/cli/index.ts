/** The door of cli/: nothing imports the program, it is run. */
export { run } from './program.js';
export { createTerminal, type Terminal } from './terminal.js';
