import './scripts/lint/component-types.mjs';
import js from '@eslint/js';
import svelte from 'eslint-plugin-svelte';
import globals from 'globals';
import ts from 'typescript-eslint';
import rooms from './scripts/lint/rooms.mjs';

/** Components, and modules with runes. oxlint reads no components; it has the same rules for every other file: .oxlintrc.json. */
const COMPONENTS = ['src/**/*.svelte', 'src/**/*.svelte.ts'];

export default ts.config(
  { ignores: ['**/*', '!**/', ...COMPONENTS.map((files) => `!${files}`)] },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  js.configs.recommended,
  ts.configs.recommended,
  svelte.configs.recommended,
  {
    files: COMPONENTS,
    plugins: { rooms },
    languageOptions: {
      globals: { ...globals.browser, ...globals.worker },
      parserOptions: {
        parser: ts.parser,
        // One program of the app and what it imports. The project service has all of tsconfig.json, and changes it with each component.
        project: 'scripts/lint/components.tsconfig.json',
        tsconfigRootDir: import.meta.dirname,
        extraFileExtensions: ['.svelte'],
      },
    },
    rules: {
      eqeqeq: 'error',
      'no-console': 'error',
      'no-empty': ['error', { allowEmptyCatch: false }],
      // TypeScript itself reports unknown names.
      'no-undef': 'off',
      'no-var': 'error',
      'object-shorthand': 'error',
      // A `let` bound by a template or a rune is not a constant.
      'prefer-const': 'off',
      'svelte/prefer-const': 'error',
      'svelte/no-at-html-tags': 'error',
      '@typescript-eslint/consistent-type-imports': [
        'error',
        { fixStyle: 'inline-type-imports', disallowTypeAnnotations: false },
      ],
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-unused-vars': [
        'error',
        { args: 'all', argsIgnorePattern: '^_', varsIgnorePattern: '^_' },
      ],
      'rooms/imports': 'error',
      'rooms/owners': 'error',
    },
  },
  {
    // Rules that need types; only those that find real defects.
    files: ['src/**/*.svelte'],
    rules: {
      '@typescript-eslint/await-thenable': 'error',
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': [
        'error',
        { checksVoidReturn: { attributes: false, properties: false } },
      ],
      '@typescript-eslint/only-throw-error': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
    },
  },
);
