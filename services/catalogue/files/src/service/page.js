// Searches the services as one types. Without it, the form asks the service for those that it finds.
"use strict";

const field = document.getElementById("q");
const found = document.getElementById("found");
const cards = [...document.querySelectorAll("#services > .card")];
const texts = cards.map((card) => card.textContent.toLowerCase());
const told = found.textContent;
const asked = field.defaultValue; // and not what was typed before this script was there

function search() {
  const words = field.value.toLowerCase().split(/\s+/);
  let count = 0;
  cards.forEach((card, at) => {
    card.hidden = !words.every((word) => texts[at].includes(word));
    count += card.hidden ? 0 : 1;
  });
  found.textContent = count === cards.length ? told : `${count} of ${cards.length} services`;
}

// The cards are those of the search that the page was asked for. A wider one has to ask for more.
if (asked === "") {
  field.addEventListener("input", search);
  search();
}

// As on many pages, a slash leads to the search.
document.addEventListener("keydown", (event) => {
  const writing = event.target.closest("input, select, textarea");
  if (event.key === "/" && !writing && !event.ctrlKey && !event.metaKey && !event.altKey) {
    event.preventDefault();
    field.select();
  }
});
