/**
 * The house style over README, docs, page, help and messages.
 *
 *   npm run prose                      every place that breaks a rule
 *   npm run prose -- AREA|RULE|FILE    those whose area, rule or place has this text
 *   npm run prose -- --write           takes today's counts as the most that tests allow (scripts/prose/counts.json)
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { countsOf, findingsIn, prose } from './prose/count.ts';

const [wanted = ''] = process.argv.slice(2);
const findings = findingsIn(prose());
if (wanted === '--write')
  writeFileSync(
    join(import.meta.dirname, 'prose/counts.json'),
    `${JSON.stringify(countsOf(findings), null, 2)}\n`,
  );
else {
  const shown = findings.filter(({ area, rule, place }) =>
    [area, rule, place].some((one) => one.includes(wanted)),
  );
  for (const { place, rule, instead, sentence } of shown)
    console.log(`${place}  ${rule} → ${instead}\n    ${sentence}`);
  console.log(JSON.stringify(countsOf(shown), null, 2));
}
