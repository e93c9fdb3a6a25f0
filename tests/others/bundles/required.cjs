module.exports = require('tideway/websocket');
