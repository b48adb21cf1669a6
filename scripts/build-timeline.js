/** Builds the page of `ringfence trace --html`, dist/timeline.html, from timeline/: one file that needs no other. */
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

process.chdir(fileURLToPath(new URL('..', import.meta.url)));

async function bundle(entryPoint) {
  const { outputFiles } = await build({
    entryPoints: [entryPoint],
    bundle: true,
    minify: true,
    write: false,
    format: 'iife',
    target: ['chrome123', 'firefox120', 'safari17.5'],
    charset: 'utf8',
    logLevel: 'warning',
  });
  return outputFiles[0].text.trim();
}

/** As the page's policy names what may run: nothing that a guest says is among it. */
function hashOf(text) {
  return `sha256-${createHash('sha256').update(text).digest('base64')}`;
}

const [script, style] = [await bundle('timeline/main.ts'), await bundle('timeline/page.css')];
const parts = {
  '<link rel="stylesheet" href="page.css" />': `<style>${style}</style>`,
  '<script src="main.ts"></script>': `<script>${script}</script>`,
  '{{script-hash}}': hashOf(script),
  '{{style-hash}}': hashOf(style),
};
let page = readFileSync('timeline/page.html', 'utf8');
for (const [place, part] of Object.entries(parts)) {
  if (page.split(place).length !== 2) throw new Error(`timeline/page.html: ${place}`);
  page = page.replace(place, () => part);
}
mkdirSync('dist', { recursive: true });
writeFileSync('dist/timeline.html', page);
