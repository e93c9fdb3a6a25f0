/** Owns the start of the page: one connection, and the demos that share it. */
import { startChat } from './chat.js';
import { showConnection } from './connection-view.js';
import { Connection } from './connection.js';
import { offerCopies } from './copy.js';
import { startGreeting } from './greeting.js';
import { offerMenu } from './menu.js';
import { startStomp } from './stomp.js';
import { pointTerminalLines } from './terminal-lines.js';
import { offerThemes } from './theme.js';
import { startTicker } from './ticker.js';

const connection = new Connection(window.location);

offerThemes();
offerCopies();
offerMenu();
pointTerminalLines(window.location);
showConnection(connection);
startChat(connection);
startGreeting(connection);
startStomp(window.location);
startTicker(connection);
connection.open();
