// @ts-check
/** How tests wait for a page, as a lint rule. */

/** @type {import('eslint').Rule.RuleModule} */
const forFunction = {
  meta: { type: 'problem', schema: [], docs: { description: 'no async function for waitForFunction' } },
  create: (context) => ({
    CallExpression({ callee, arguments: [first] }) {
      const waits =
        callee.type === 'MemberExpression' &&
        callee.property.type === 'Identifier' &&
        callee.property.name === 'waitForFunction';
      if (waits && first && 'async' in first && first.async)
        context.report({
          node: first,
          message: 'A promise is true at once: poll what page.evaluate returns instead.',
        });
    },
  }),
};

/** @type {import('eslint').ESLint.Plugin} */
export default { meta: { name: 'waits' }, rules: { 'for-function': forFunction } };
