(function () {
  "use strict";
  // "24.3–30.3 %" is sorted by its lower end, "−94,817" and "under 0.1 %" as numbers.
  var number = /^(?:under |over )?([+\u2212-]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?)(?=$|[\s%(\u2013\u00a0])/;
  var missing = /^(|\u2013|\.\.\.|cannot tell|unknown|no engagements|not known|<NA>|nan|NaT|None)$/i;
  function said(cell) {
    return cell.dataset.value === undefined ? cell.textContent.trim() : cell.dataset.value;
  }
  function values(rows, column) {
    var texts = rows.map(function (row) { return said(row.cells[column]); });
    var counts = texts.map(function (text) {
      var found = number.exec(text);
      return found ? parseFloat(found[1].replace(/,/g, "").replace("\u2212", "-")) : null;
    });
    var words = texts.some(function (text, k) { return counts[k] === null && !missing.test(text); });
    return texts.map(function (text, k) {
      return missing.test(text) ? null : words ? text : counts[k];
    });
  }
  function sortable(table) {
    var rows = [].slice.call(table.rows);
    return table.tHead && table.tHead.rows.length === 1 && table.tBodies.length === 1 &&
      table.tBodies[0].rows.length > 1 && rows.every(function (row) {
        return row.cells.length === rows[0].cells.length;
      });
  }
  [].slice.call(document.querySelectorAll("main table")).filter(sortable).forEach(function (table) {
    var body = table.tBodies[0], heads = [].slice.call(table.tHead.rows[0].cells);
    heads.forEach(function (head, column) {
      if (!head.textContent.trim()) { return; }
      var button = document.createElement("button");
      button.type = "button";
      while (head.firstChild) { button.appendChild(head.firstChild); }
      head.appendChild(button);
      button.addEventListener("click", function () {
        var down = head.getAttribute("aria-sort") === "ascending";
        heads.forEach(function (other) { other.removeAttribute("aria-sort"); });
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        var rows = [].slice.call(body.rows), of = values(rows, column);
        rows.map(function (row, k) { return [row, of[k]]; }).sort(function (a, b) {
          if (a[1] === null || b[1] === null) { return (a[1] === null) - (b[1] === null); }
          var order = typeof a[1] === "number" ? a[1] - b[1]
            : a[1].localeCompare(b[1], undefined, { numeric: true });
          return down ? -order : order;
        }).forEach(function (pair) { body.appendChild(pair[0]); });
      });
    });
  });
})();
