// `ws` with its optional native addon, which unmasks in C++.
import process from 'node:process';

process.env.WS_NO_BUFFER_UTIL = '';
await import('./ws.mjs');
