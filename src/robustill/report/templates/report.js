// Titles of the main tables become buttons that sort. Without this script the page lacks nothing else.
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  const titles = [...table.tHead.rows[0].cells];
  const key = (row, index) => {
    const cell = row.cells[index];
    const value = cell.dataset.value;
    return value === undefined ? (titles[index].classList.contains("number") ? NaN : cell.textContent) : Number(value);
  };
  const compare = (a, b) => {
    if (typeof a === "string") return a.localeCompare(b, undefined, { numeric: true });
    return a - b;
  };
  titles.forEach((title, index) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...title.childNodes);
    title.append(button);
    title.setAttribute("aria-sort", "none");
    button.addEventListener("click", () => {
      const up = title.getAttribute("aria-sort") === "descending" || !title.classList.contains("number") && title.getAttribute("aria-sort") === "none";
      for (const other of titles) other.setAttribute("aria-sort", "none");
      title.setAttribute("aria-sort", up ? "ascending" : "descending");
      const rows = [...body.rows].map((row) => [key(row, index), row]);
      const missing = rows.filter(([value]) => Number.isNaN(value));
      const found = rows.filter(([value]) => !Number.isNaN(value)).sort((a, b) => compare(a[0], b[0]) * (up ? 1 : -1));
      body.append(...[...found, ...missing].map(([, row]) => row));
      table.classList.add("sorted");
    });
  });
}
