// Jest in its default mode: CommonJS, without a module that can be required.
const WebSocket = require('tideway/websocket');

test('an echo', (done) => {
  const server = new WebSocket.Server({ port: 0 }, () => {
    const socket = new WebSocket(`ws://127.0.0.1:${server.address().port}`);
    socket.on('message', (data) => {
      expect(String(data)).toBe('hello');
      socket.close();
      server.close(done);
    });
  });
  server.on('connection', (socket) => socket.send('hello'));
});

test('the alias of the guide', () => {
  expect(require('ws')).toBe(WebSocket);
});
