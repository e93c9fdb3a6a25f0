'use strict';
module.exports = require('tideway/websocket');
