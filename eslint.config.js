import js from '@eslint/js';
import vitest from '@vitest/eslint-plugin';
import { defineConfig } from 'eslint/config';
import tseslint from 'typescript-eslint';

/**
 * Which way imports may point, a row for each folder of src/: what stands there imports nothing from the folders
 * named. cli → worker → sandbox → (kernel, kvm) → platform; the two halves under the sandbox never know each other.
 */
const forbiddenFolders = {
  platform: ['cli', 'host', 'kernel', 'kvm', 'memory', 'ptrace', 'sandbox', 'worker'],
  host: ['cli', 'kernel', 'kvm', 'memory', 'ptrace', 'sandbox', 'worker'],
  memory: ['cli', 'kernel', 'kvm', 'ptrace', 'sandbox', 'worker'],
  kvm: ['cli', 'kernel', 'ptrace', 'sandbox', 'worker'],
  ptrace: ['cli', 'kernel', 'kvm', 'sandbox', 'worker'],
  kernel: ['cli', 'kvm', 'memory', 'ptrace', 'sandbox', 'worker'],
  sandbox: ['cli', 'worker'],
  worker: ['cli', 'kvm', 'memory', 'ptrace'],
};

/** The one file that may import each of these. */
const singleImporters = {
  'src/host/native.ts': ['node:module', 'module', 'node-gyp-build'],
  'src/host/libc.ts': ['ffi-rs'],
};

const singlePaths = Object.entries(singleImporters).flatMap(([owner, names]) =>
  names.map((name) => ({ owner, name, message: `Only ${owner} imports ${name}.` })),
);

function restrict(paths, patterns) {
  return { 'no-restricted-imports': ['error', { paths, patterns }] };
}

function withoutOwner(entries) {
  return entries.map(({ name, message }) => ({ name, message }));
}

const everyPath = withoutOwner(singlePaths);

function folderPatterns(folder) {
  const names = forbiddenFolders[folder].join('|');
  const patterns = [
    {
      regex: `^(\\.\\./)+(${names})/`,
      message: `src/${folder} imports nothing from there: see the table in eslint.config.js.`,
    },
    {
      regex: '^(\\.\\./)+(sandbox|index)\\.js$',
      message: 'Only the command line and users import the sandbox.',
    },
  ];
  if (folder === 'kernel') {
    patterns.push({
      regex: '/host/native\\.js$',
      message: 'The kernel reaches the host by the typed files beside src/host/native.ts.',
    });
  }
  if (folder === 'platform') {
    patterns.push({ regex: '^(?!\\./)', message: 'The contract imports nothing outside itself.' });
  }
  return patterns;
}

const directions = Object.keys(forbiddenFolders).map((folder) => ({
  files: [`src/${folder}/**/*.ts`],
  rules: restrict(everyPath, folderPatterns(folder)),
}));

const owners = Object.keys(singleImporters).map((owner) => ({
  files: [owner],
  rules: restrict(
    withoutOwner(singlePaths.filter((path) => path.owner !== owner)),
    folderPatterns('host'),
  ),
}));

export default defineConfig(
  { ignores: ['build/', 'dist/', 'coverage/', '.cache/'] },
  js.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { projectService: true } },
    rules: {
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/consistent-type-imports': 'error',
      // `while (true)` is how a loop with its exit in the middle is written.
      '@typescript-eslint/no-unnecessary-condition': [
        'error',
        { allowConstantLoopConditions: 'only-allowed-literals' },
      ],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_' }],
      // `== null` asks for null and undefined at once.
      eqeqeq: ['error', 'always', { null: 'ignore' }],
      'no-console': 'error',
      'prefer-const': 'error',
    },
  },
  {
    files: ['src/**/*.ts'],
    rules: restrict(everyPath, []),
  },
  ...directions,
  ...owners,
  {
    files: ['src/cli/**/*.ts'],
    rules: restrict(everyPath, [
      {
        regex: '^(\\.\\./)+(kernel|kvm|memory|ptrace)/',
        message: 'The command line uses the library: src/sandbox.ts, src/index.ts, src/host.',
      },
    ]),
  },
  {
    files: ['src/index.ts'],
    rules: { 'no-restricted-syntax': ['error', 'ExportDefaultDeclaration'] },
  },
  {
    files: ['bench/**', 'examples/**', 'scripts/**'],
    rules: { 'no-console': 'off' },
    languageOptions: {
      globals: {
        console: 'readonly',
        process: 'readonly',
        URL: 'readonly',
        AbortSignal: 'readonly',
        Buffer: 'readonly',
      },
    },
  },
  {
    files: ['test/**/*.test.ts'],
    plugins: { vitest },
    rules: {
      'vitest/no-focused-tests': 'error',
      'vitest/no-identical-title': 'error',
      // The second argument says what went wrong.
      'vitest/valid-expect': ['error', { maxArgs: 2 }],
    },
  },
);
