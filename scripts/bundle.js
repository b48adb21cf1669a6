/**
 * Builds what runs: all of src/ as one file, dist/bundle/ringfence.cjs, and the few lines that load it for the command
 * line and for the library. Types are checked and declared by tsc.
 */
import { chmodSync, copyFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

process.chdir(fileURLToPath(new URL('..', import.meta.url)));

const options = {
  bundle: true,
  platform: 'node',
  target: 'node20.19',
  format: 'cjs',
  // Loaded late, or not at all.
  external: ['cli-table3', 'ffi-rs', 'picocolors'],
  legalComments: 'none',
  outExtension: { '.js': '.cjs' },
  logLevel: 'warning',
};

/**
 * Modules of Node.js that take milliseconds to load and are not needed: for programs that are commands, which commander
 * knows and we do not have, and for ES modules to find CommonJS ones.
 */
const substitutes = {
  'node:child_process': '',
  'node:module': 'exports.createRequire = () => require;',
};

const substitute = {
  name: 'substitute',
  setup({ onResolve, onLoad }) {
    const filter = new RegExp(`^(${Object.keys(substitutes).join('|')})$`);
    onResolve({ filter }, ({ path }) => ({ path, namespace: 'substitute' }));
    onLoad({ filter, namespace: 'substitute' }, ({ path }) => ({ contents: substitutes[path] }));
  },
};

/** The licences of the packages that are part of the bundle go with it. */
function copyLicences({ inputs }) {
  const names = Object.keys(inputs).map((path) => /^node_modules\/([^/]+)/.exec(path)?.[1]);
  for (const name of new Set(names.filter((found) => found !== undefined))) {
    copyFileSync(`node_modules/${name}/LICENSE`, `dist/bundle/LICENSE.${name}`);
  }
}

/** Exports of src/index.ts, by name. */
async function libraryExports() {
  const { metafile } = await build({
    ...options,
    entryPoints: ['src/index.ts'],
    outdir: 'dist',
    format: 'esm',
    metafile: true,
    write: false,
  });
  return Object.values(metafile.outputs)[0].exports.sort();
}

const { metafile } = await build({
  ...options,
  stdin: {
    contents: `
      exports.library = () => require('./index.js');
      exports.commandLine = () => require('./cli/command-line.js');
      exports.worker = () => require('./worker/serve.js');`,
    resolveDir: 'src',
  },
  outfile: 'dist/bundle/ringfence.cjs',
  sourcemap: true,
  metafile: true,
  plugins: [substitute],
  supported: { 'dynamic-import': false },
  define: { 'import.meta.url': 'bundleUrl' },
  banner: { js: "const bundleUrl = require('node:url').pathToFileURL(__filename).href;" },
});
copyLicences(metafile);
await build({
  ...options,
  entryPoints: [
    'src/cli/main.ts',
    'src/bundle/library.ts',
    'src/bundle/worker.ts',
    'src/bundle/write-code-cache.ts',
  ],
  outbase: 'src',
  outdir: 'dist',
});
chmodSync('dist/cli/main.cjs', 0o755);
writeFileSync(
  'dist/index.js',
  `import { library } from './bundle/library.cjs';\n\nexport const {\n${(await libraryExports())
    .map((name) => `  ${name},\n`)
    .join('')}} = library;\n`,
);

// What earlier builds have left is not to be packed.
const OURS =
  /\.d\.ts$|\.cjs(\.map)?$|^index\.js$|^timeline\.html$|^ringfence\.code-cache$|^LICENSE\.|^\.tsbuildinfo$/;
for (const entry of readdirSync('dist', { recursive: true, withFileTypes: true })) {
  if (entry.isFile() && !OURS.test(entry.name)) rmSync(join(entry.parentPath, entry.name));
}
