import './scripts/lint/component-types.mjs';
import js from '@eslint/js';
import svelte from 'eslint-plugin-svelte';
import globals from 'globals';
import ts from 'typescript-eslint';
import rooms from './scripts/lint/rooms.mjs';

/**
 * Rules that need types; only those that find real defects. oxlint has the same for TypeScript files (.oxlintrc.json): it computes types natively, but
 * reads no components.
 */
const typed = {
  '@typescript-eslint/await-thenable': 'error',
  '@typescript-eslint/no-floating-promises': 'error',
  '@typescript-eslint/no-misused-promises': [
    'error',
    { checksVoidReturn: { attributes: false, properties: false } },
  ],
  '@typescript-eslint/only-throw-error': 'error',
  '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
};

const PRINTING = 'Only src/cli/streams.ts writes to standard output and standard error: use Output.';

export default ts.config(
  { ignores: ['**/dist/', 'out/', '.cache/', '.svelte-check/', 'test-results/', 'public/'] },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  js.configs.recommended,
  ts.configs.recommended,
  svelte.configs.recommended,
  {
    rules: {
      eqeqeq: 'error',
      'no-empty': ['error', { allowEmptyCatch: false }],
      'no-var': 'error',
      'object-shorthand': 'error',
      'prefer-const': 'error',
      '@typescript-eslint/consistent-type-imports': [
        'error',
        { fixStyle: 'inline-type-imports', disallowTypeAnnotations: false },
      ],
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-unused-vars': [
        'error',
        { args: 'all', argsIgnorePattern: '^_', varsIgnorePattern: '^_' },
      ],
    },
  },
  {
    // Who owns WebGPU is known by types: scripts/lint/rooms.mjs.
    files: ['src/**/*.ts', 'src/**/*.svelte'],
    languageOptions: {
      parserOptions: {
        projectService: true,
        tsconfigRootDir: import.meta.dirname,
        extraFileExtensions: ['.svelte'],
      },
    },
  },
  { files: ['src/**/*.svelte'], rules: typed },
  {
    files: ['src/**/*.svelte', 'src/**/*.svelte.ts'],
    languageOptions: { parserOptions: { parser: ts.parser } },
    // A `let` bound by a template or a rune is not a constant.
    rules: { 'prefer-const': 'off', 'svelte/prefer-const': 'error', 'svelte/no-at-html-tags': 'error' },
  },
  {
    files: ['src/**'],
    plugins: { rooms },
    languageOptions: { globals: { ...globals.browser, ...globals.worker } },
    rules: { 'no-console': 'error', 'rooms/imports': 'error', 'rooms/owners': 'error' },
  },
  { files: ['src/cli/**'], languageOptions: { globals: globals.node } },
  {
    // All that the command prints goes through one module, which checks each write and makes each text printable.
    files: ['src/cli/**'],
    ignores: ['src/cli/streams.ts'],
    rules: {
      'no-restricted-properties': [
        'error',
        ...['stdout', 'stderr'].map((property) => ({ object: 'process', property, message: PRINTING })),
      ],
      'no-restricted-imports': [
        'error',
        ...['process', 'node:process'].map((name) => ({ name, message: PRINTING })),
      ],
    },
  },
  {
    files: ['scripts/**', 'bin/**', 'bench/**', '*.js', '*.ts', 'tests/**'],
    languageOptions: { globals: globals.node },
  },
  {
    files: ['tests/**', 'bench/**', 'scripts/**'],
    rules: {
      'no-restricted-syntax': [
        'error',
        {
          selector:
            "CallExpression[callee.property.name='waitForFunction'] > .arguments:first-child[async=true]",
          message: 'A promise is true at once: poll what page.evaluate returns instead.',
        },
      ],
    },
  },
  {
    files: ['bench/peers/**'],
    languageOptions: { globals: { ...globals.browser, ...globals.node, GPUBufferUsage: 'readonly' } },
  },
  { files: ['bench/page.mjs'], languageOptions: { globals: { ...globals.browser, ...globals.node } } },
  {
    // AssemblyScript: its own compiler checks the types, and type imports are not in the language.
    files: ['src/engine/cpu/kernels/**', 'src/**/*.kernel.ts'],
    languageOptions: { parserOptions: { projectService: false, project: false } },
    rules: { '@typescript-eslint/consistent-type-imports': 'off' },
  },
  // TypeScript itself reports unknown names where it checks types.
  { files: ['**/*.ts', '**/*.svelte'], rules: { 'no-undef': 'off' } },
);
