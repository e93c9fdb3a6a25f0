import WebSocket = require('tideway/websocket');
export = WebSocket;
