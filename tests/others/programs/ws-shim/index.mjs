export * from 'tideway/websocket';
export { default } from 'tideway/websocket';
