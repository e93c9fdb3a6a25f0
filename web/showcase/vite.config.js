export default {
  build: { outDir: '../../dist/showcase', emptyOutDir: true },
};
