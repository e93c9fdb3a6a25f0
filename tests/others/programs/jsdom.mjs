import { checkEngine, echoServer, finish, require } from './common.mjs';

checkEngine('jsdom');
const { JSDOM } = require('jsdom');
const { url } = await echoServer();
const { window } = new JSDOM('', { url: url.replace('ws', 'http') });
const socket = new window.WebSocket(url);
socket.onopen = () => socket.send('a');
socket.onmessage = ({ data }) => finish(data, 'a');
