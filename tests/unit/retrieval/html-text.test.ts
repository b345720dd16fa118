import fc from 'fast-check';
import { expect, test } from 'vitest';
import { htmlText } from '../../../src/retrieval/html-text.ts';
import { graftError } from '../expect-graft-error.ts';

test('leaves out scripts, styles, navigation and forms, with all that is in them', () => {
  const page = `<title>T</title><nav>Menu <b>x</b></nav><div class="big sidebar"><p>Side</p></div><main id=m>
    <script>if (a < b) alert("<p>no</p>")</script><style>p{}</style><p>Kept <button>Press</button>text</p></main><div id="footer">End</div>`;
  expect(htmlText(page).text).toBe('Kept text\n');
});

test('reads a page whose own elements are called as navigation is', () => {
  const page = '<body class="menu"><div class="menu">Home</div><main id="toc"><p>Kale.</p></main></body>';
  expect(htmlText(page).text).toBe('Kale.\n');
});

test('decodes entities once, and reads no text of theirs as a tag', () => {
  expect(htmlText('<p>a &lt;b&gt; &amp;amp; &#x1F600; &eacute;&nbsp;x &unknown;</p>').text).toBe(
    'a <b> &amp; 😀 é x &unknown;\n',
  );
});

test('collapses white space except in pre, and parts blocks by one empty line', () => {
  expect(htmlText('<h1>A\n  b</h1>\n\n<p>c<br>d</p><pre>  x\n    y</pre><p>z').text).toBe(
    'A b\n\nc\nd\n\n  x\n    y\n\nz\n',
  );
});

test('reads items and cells without end tags as those with them', () => {
  expect(htmlText('<ul><li>one<li>two</ul><table><tr><td>a<td>b<tr><td>c</table>').text).toBe(
    'one\ntwo\n\n a b\n c\n'.replaceAll(/^ /gm, ''),
  );
});

test('refuses elements that are nested without end', async () => {
  await graftError(() => htmlText('<i>'.repeat(100_000)).text, 'document-depth');
});

test('never throws for broken HTML', () => {
  const piece = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 8 }),
    fc.constantFrom(
      '<',
      '</',
      '<p',
      '>',
      '<li>',
      '</ul>',
      '<!--',
      '-->',
      '<![CDATA[',
      '<script>',
      '</pre>',
      '<pre>',
      '&#',
      '&#x110000;',
      ' class="',
      "='",
    ),
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
      expect(htmlText(pieces.join('')).text.endsWith('\n')).toBe(true);
    }),
    { numRuns: 1000 },
  );
});
