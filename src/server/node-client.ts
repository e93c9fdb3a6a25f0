/** Owns `tideway/client` on Node: the engine's WebSocket where Node has none of its own (before 22). */
import { Client as WebClient, type ClientOptions } from '../client/index.js';
