/** What of a page is cut: words and controls that lie outside of what shows them, under something else, or over their neighbours. */
import type { Page } from 'playwright-core';

/**
 * Looks at everything that is visible now, in the window as wide as it is.
 *
 * @returns a line for each finding, with its words
 */
export function cutOff(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    /** Sizes are rounded, and glyphs may lean out of their box. */
    const SLACK = 2;
    const CONTROLS = 'a[href], button, input, select, textarea, summary, [role="slider"]';
    const root = document.documentElement;
    const found = new Set<string>();
    const px = Math.round;
    const nameOf = (element: Element): string => {
      const words = (element.getAttribute('aria-label') ?? element.textContent).replace(/\s+/g, ' ').trim();
      return `${element.tagName.toLowerCase()} “${words.slice(0, 60)}”`;
    };
    /** Words for screen readers, and controls that a label shows in their place, are drawn in a pixel. */
    const isPixel = (element: Element): boolean =>
      element.closest('svg') === null &&
      getComputedStyle(element).overflow === 'hidden' &&
      Math.min(element.clientWidth, element.clientHeight) <= 1;
    const isHidden = (element: Element): boolean => {
      if (!element.checkVisibility({ opacityProperty: true, visibilityProperty: true })) return true;
      if (element.closest('[aria-hidden="true"], option, .skip:not(:focus)')) return true;
      if (element.matches('input') && element.parentElement?.matches('label.button')) return true;
      for (let at: Element | null = element; at && at !== document.body; at = at.parentElement)
        if (isPixel(at)) return true;
      return false;
    };
    const isEllipsis = (element: Element): boolean => {
      const { textOverflow, webkitLineClamp } = getComputedStyle(element);
      return textOverflow === 'ellipsis' || webkitLineClamp !== 'none';
    };
    const hasWholeText = (element: Element): boolean =>
      element.closest('[title], [aria-label], [role="option"]') !== null;

    /** What of a box, in the page, cannot be seen: past an edge that nothing scrolls to, or only by scrolling sideways. */
    function cutBy(element: Element, box: DOMRect, what: string): void {
      if (box.width === 0 || box.height === 0) return;
      for (let at = element.parentElement; at && at !== document.body; at = at.parentElement) {
        const style = getComputedStyle(at);
        if (style.position === 'fixed') break;
        if (style.overflowX === 'visible' && style.overflowY === 'visible') continue;
        const frame = at.getBoundingClientRect();
        const past = Math.max(box.right - frame.right, frame.left - box.left);
        if (past > SLACK) {
          const scrolls = ['auto', 'scroll'].includes(style.overflowX);
          if (!scrolls && isEllipsis(at) && hasWholeText(at)) return;
          found.add(
            `${what} ${scrolls ? 'must be scrolled to sideways' : 'is cut'} in ${nameOf(at)}: ${px(past)} px`,
          );
          return;
        }
        const below = Math.max(box.bottom - frame.bottom, frame.top - box.top);
        if (['hidden', 'clip'].includes(style.overflowY) && below > SLACK && !isEllipsis(at)) {
          found.add(`${what} is cut below or above in ${nameOf(at)}: ${px(below)} px`);
          return;
        }
        if (['auto', 'scroll'].includes(style.overflowX)) return;
      }
      const past = Math.max(box.right - root.clientWidth, -box.left);
      if (past > SLACK) found.add(`${what} is ${px(past)} px past the window`);
    }

    /** The nearest element that lays out lines, or has a place of its own among its neighbours. */
    function columnOf(element: Element): Element {
      let at = element;
      while (getComputedStyle(at).display.startsWith('inline') && at.parentElement) at = at.parentElement;
      return at;
    }

    // Words: in their column, and in what shows them.
    const words = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (words.nextNode()) {
      const node = words.currentNode;
      const parent = node.parentElement;
      if (!parent || node.textContent?.trim() === '' || isHidden(parent)) continue;
      const range = document.createRange();
      range.selectNodeContents(node);
      const column = columnOf(parent);
      const isClipped = getComputedStyle(column).overflowX !== 'visible';
      if (isClipped && isEllipsis(column) && hasWholeText(column)) continue;
      const frame = column.getBoundingClientRect();
      const what = `“${(node.textContent ?? '').replace(/\s+/g, ' ').trim().slice(0, 60)}”`;
      // Of the lines of a text the widest.
      const { left, right } = range.getBoundingClientRect();
      const past = Math.max(right - frame.right, frame.left - left);
      if (past > SLACK)
        found.add(`${what} ${isClipped ? 'is clipped in' : 'overruns'} ${nameOf(column)} by ${px(past)} px`);
      cutBy(parent, range.getBoundingClientRect(), what);
    }
    // What inline elements draw, such as an underline, stays in the column.
    for (const element of document.querySelectorAll('main span, main b, main small, main code')) {
      const { display, borderBottomWidth } = getComputedStyle(element);
      if (!display.startsWith('inline') || isHidden(element)) continue;
      if (element.textContent.trim() === '' && borderBottomWidth === '0px') continue;
      const column = columnOf(element);
      if (getComputedStyle(column).overflowX !== 'visible') continue;
      const frame = column.getBoundingClientRect();
      for (const box of element.getClientRects()) {
        const past = box.right - frame.right;
        if (past > SLACK) found.add(`${nameOf(element)} overruns ${nameOf(column)} by ${px(past)} px`);
      }
    }
    for (const element of document.querySelectorAll(CONTROLS)) {
      if (isHidden(element)) continue;
      cutBy(element, element.getBoundingClientRect(), nameOf(element));
      // A link of several lines has a box that is larger than itself.
      const [line] = element.getClientRects();
      if (!line || line.width === 0 || line.height === 0) continue;
      element.scrollIntoView({ block: 'center', inline: 'nearest', behavior: 'instant' });
      const box = element.getClientRects()[0];
      const top = document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2);
      if (top && (element.contains(top) || top.contains(element) || top.closest('label')?.contains(element)))
        continue;
      found.add(`${nameOf(element)} is under ${top ? nameOf(top) : 'nothing'}, or out of reach`);
    }
    scrollTo(0, 0);
    return [...found];
  });
}
