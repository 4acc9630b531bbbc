import { defineConfig } from 'vite';

export default defineConfig({
  // The pages may stand behind a proxy that adds a path.
  base: './',
  esbuild: {
    jsx: 'automatic',
    jsxImportSource: 'preact',
    // The client SDK writes packets to the console, message texts among them.
    pure: ['console.log'],
  },
  // Fixed, so that the page can be developed beside a running server: http://localhost:5173/
  server: { port: 5173, strictPort: true },
  build: {
    target: 'es2020',
    // The page's Content-Security-Policy allows no inline code, and every browser that knows
    // es2020 modules preloads them by itself.
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    reportCompressedSize: false,
    rollupOptions: { input: ['index.html', 'manager.html'] },
  },
});
