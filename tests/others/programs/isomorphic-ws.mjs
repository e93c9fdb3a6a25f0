import WebSocket from 'isomorphic-ws';
import { checkEngine, echoServer, finish } from './common.mjs';

checkEngine('isomorphic-ws');
const { url } = await echoServer();
const socket = new WebSocket(url);
socket.onopen = () => socket.send('a');
socket.onmessage = ({ data }) => finish(data, 'a');
