// @ts-check
/**
 * The typed rules see components as TypeScript from the start. Otherwise each component that is linted changes the program, and the types of
 * all sources are computed again. svelte-eslint-parser looks for this when it is loaded: import it before anything else.
 */
process.env['SVELTE_ESLINT_PARSER_EXPERIMENTAL_TS_SYS_HOOK'] = '1';
