// What of a page is laid out wrongly: an expression that a browser evaluates, and whose value is a list of texts.
(() => {
  const faults = [];
  if (document.documentElement.scrollWidth > window.innerWidth) faults.push(`the page is ${document.documentElement.scrollWidth} wide`);
  const describe = (element) => `${element.tagName} "${(element.textContent ?? '').slice(0, 30)}"`;
  for (const svg of document.querySelectorAll('svg')) {
    const frame = svg.getBoundingClientRect();
    for (const text of svg.querySelectorAll('text')) {
      const { left, right, top, bottom } = text.getBoundingClientRect();
      if (left < frame.left - 1 || right > frame.right + 1 || top < frame.top - 1 || bottom > frame.bottom + 1)
        faults.push(`${describe(text)} is cut off in ${svg.querySelector('title')?.textContent}`);
    }
  }
  for (const parent of document.querySelectorAll('.facts, .figures, .pictures, nav')) {
    const boxes = [...parent.children].map((child) => ({ child, box: child.getBoundingClientRect() }));
    for (const [index, { child, box }] of boxes.entries())
      for (const other of boxes.slice(index + 1))
        if (
          box.left < other.box.right - 1 &&
          other.box.left < box.right - 1 &&
          box.top < other.box.bottom - 1 &&
          other.box.top < box.bottom - 1
        )
          faults.push(`${describe(child)} overlaps ${describe(other.child)}`);
  }
  return faults;
})();
