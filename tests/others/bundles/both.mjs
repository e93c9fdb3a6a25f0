import WebSocket from 'tideway/websocket';
import required from './required.cjs';

console.log(required === WebSocket ? 'fine' : 'two engines');
