// What a reader of the page meets, as far as a program can tell: one list of complaints a question.
(() => {
  const luminance = (colour) => {
    const linear = colour.slice(0, 3).map((part) => {
      const value = part / 255;
      return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
  };
  const parse = (text) => (text.match(/[\d.]+/g) || []).map(Number);
  const over = (front, back) => {
    const alpha = front.length > 3 ? front[3] : 1;
    return [0, 1, 2].map((i) => alpha * front[i] + (1 - alpha) * back[i]);
  };
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = parse(getComputedStyle(at).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour.slice(0, 3);
    }
    return [255, 255, 255];
  };
  const shown = (element) => element.checkVisibility({ visibilityProperty: true }) && element.getClientRects().length > 0;
  const texts = () => {
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    const found = new Set();
    while (walker.nextNode()) {
      const parent = walker.currentNode.parentElement;
      if (walker.currentNode.textContent.trim() && !parent.closest("script, style") && shown(parent)) found.add(parent);
    }
    return [...found];
  };
  window.asked = {
    // Text against what is behind it (WCAG 1.4.3): 4.5, or 3 where it is large.
    contrast: () =>
      texts().flatMap((element) => {
        const style = getComputedStyle(element);
        const back = behind(element);
        const front = over(parse(element.closest("svg") ? style.fill : style.color), back);
        const [high, low] = [luminance(front), luminance(back)].sort((a, b) => b - a);
        const ratio = (high + 0.05) / (low + 0.05);
        const size = parseFloat(style.fontSize);
        const enough = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700) ? 3 : 4.5;
        return ratio >= enough ? [] : [`${element.textContent.trim().slice(0, 40)}: ${ratio.toFixed(2)}`];
      }),
    // Figures that are not there, too small, or reach over the edge.
    figures: () =>
      [...document.querySelectorAll("figure svg")].flatMap((svg) => {
        const box = svg.getBoundingClientRect();
        const ends = box.left >= -1 && box.right <= document.documentElement.clientWidth + 1;
        return shown(svg) && box.width > 150 && box.height > 50 && ends ? [] : [`${svg.getAttribute("aria-label").slice(0, 60)}`];
      }),
    // Two texts of one figure on the same place.
    overlaps: () =>
      [...document.querySelectorAll("figure svg")].flatMap((svg) => {
        const boxes = [...svg.querySelectorAll("text")].map((text) => [text.textContent, text.getBoundingClientRect()]);
        const found = [];
        boxes.forEach(([one, a], index) => {
          for (const [other, b] of boxes.slice(index + 1)) {
            const wide = Math.min(a.right, b.right) - Math.max(a.left, b.left);
            const high = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
            if (wide > 1.5 && high > 0.3 * Math.min(a.height, b.height)) found.push(`${svg.getAttribute("aria-label").slice(0, 40)}: ${one} / ${other}`);
          }
        });
        return found;
      }),
    // What has no name for those who do not see it.
    unnamed: () =>
      [...document.querySelectorAll('svg:not([aria-hidden="true"]), img, button, a, [role="region"]')]
        .filter((element) => !(element.getAttribute("aria-label") || element.textContent.trim() || element.alt))
        .map((element) => element.outerHTML.slice(0, 60)),
    // Headings that leave out a level, tables without titles, fewer or more than one main part.
    structure: () => {
      const levels = [...document.querySelectorAll("h1, h2, h3, h4")].map((heading) => Number(heading.tagName[1]));
      const wrong = levels.flatMap((level, at) => (at && level > levels[at - 1] + 1 ? [`h${levels[at - 1]} then h${level}`] : []));
      if (levels.filter((level) => level === 1).length !== 1) wrong.push("h1");
      if (document.querySelectorAll("main").length !== 1 || !document.documentElement.lang) wrong.push("main or lang");
      const bare = [...document.querySelectorAll("table")].filter((table) => !table.querySelector('th[scope="col"]') || [...table.tBodies[0].rows].some((row) => row.cells[0].scope !== "row"));
      return wrong.concat(bare.map((table) => table.textContent.trim().slice(0, 40)));
    },
  };
})();
