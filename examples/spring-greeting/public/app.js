// The page's side: stompjs connects, subscribes and sends, as against a Spring server. Nothing in it knows of Tideway.
const stompClient = new StompJs.Client({
  brokerURL: 'ws://localhost:8080/gs-guide-websocket',
});

const [connect, disconnect, conversation, name, greetings, status] = [
  'connect',
  'disconnect',
  'conversation',
  'name',
  'greetings',
  'status',
].map((id) => document.getElementById(id));

function show(isConnected, words) {
  connect.disabled = isConnected;
  disconnect.disabled = !isConnected;
  conversation.hidden = !isConnected;
  status.textContent = words;
}

stompClient.onConnect = () => {
  show(true, 'Connected');
  name.focus();
  stompClient.subscribe('/topic/greetings', (greeting) => {
    const line = document.createElement('li');
    // As markup, because the back end escapes the name.
    line.innerHTML = JSON.parse(greeting.body).content;
    greetings.append(line);
  });
};
stompClient.onWebSocketClose = () => show(false, 'Not connected');
stompClient.onWebSocketError = () => show(false, 'The server is not there');
stompClient.onStompError = (frame) => show(false, `Refused: ${frame.headers.message}`);

connect.addEventListener('click', () => stompClient.activate());
disconnect.addEventListener('click', () => void stompClient.deactivate());
conversation.addEventListener('submit', (event) => {
  event.preventDefault();
  stompClient.publish({
    destination: '/app/hello',
    body: JSON.stringify({ name: name.value }),
  });
  name.value = '';
});
