const WebSocket = require('tideway/websocket');

const server = new WebSocket.Server({ port: 0 }, () => {
  const socket = new WebSocket(`ws://127.0.0.1:${server.address().port}`);
  socket.on('message', (data) => {
    console.log(String(data) === 'hello' && socket instanceof WebSocket ? 'fine' : String(data));
    socket.close();
    server.close();
  });
});
server.on('connection', (socket) => socket.send('hello'));
