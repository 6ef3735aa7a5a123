
// Sorts the table of targets by a column: by its button, or by #sort=KEY (#sort=-KEY: the other way round).
"use strict";
(function () {
  var table = document.getElementById("targets");
  if (!table) { return; }
  var heads = Array.prototype.slice.call(table.querySelectorAll("thead th"));
  function sort(key, down) {
    var column = heads.findIndex(function (head) { return head.dataset.key === key; });
    if (column < 0) { return; }
    var body = table.tBodies[0];
    var rows = Array.prototype.slice.call(body.rows);
    var numeric = heads[column].dataset.kind === "number";
    function value(row) {
      var text = row.cells[column].dataset.sort || "";
      return numeric ? (text === "" ? null : Number(text)) : text;
    }
    rows.sort(function (one, other) {
      var a = value(one), b = value(other), order;
      // What has no value stands last, whichever way.
      if (a === null || b === null) { return (a === null) - (b === null) || one.dataset.place - other.dataset.place; }
      order = numeric ? a - b : a.localeCompare(b, "en", { numeric: true });
      return (down ? -order : order) || one.dataset.place - other.dataset.place;
    });
    rows.forEach(function (row) { body.appendChild(row); });
    heads.forEach(function (head, at) {
      if (at === column) { head.setAttribute("aria-sort", down ? "descending" : "ascending"); }
      else { head.removeAttribute("aria-sort"); }
    });
  }
  heads.forEach(function (head) {
    if (!head.dataset.key) { return; }
    var button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    head.textContent = "";
    head.appendChild(button);
    button.addEventListener("click", function () {
      sort(head.dataset.key, head.getAttribute("aria-sort") === "ascending");
    });
  });
  function wanted() {
    var found = /^#sort=(-?)([a-z]+)$/.exec(location.hash);
    if (found) { sort(found[2], found[1] === "-"); }
  }
  window.addEventListener("hashchange", wanted);
  wanted();
})();
