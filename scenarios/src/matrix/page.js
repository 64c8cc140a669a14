"use strict";
const form = document.getElementById("filters");
const articles = [...document.querySelectorAll("article")];
const texts = new Map(articles.map((article) => [article, article.textContent.toLowerCase()]));

function has(list, wanted) {
    return wanted === "" || (list ?? "").split(" ").includes(wanted);
}

function filter() {
    const words = form.words.value.toLowerCase().split(/\s+/).filter((word) => word !== "");
    const gap = form.gaps.value;
    let shown = 0;
    for (const article of articles) {
        const { section, from, gaps } = article.dataset;
        const fits =
            words.every((word) => texts.get(article).includes(word)) &&
            has(section, form.section.value) &&
            has(from, form.from.value) &&
            (gap === "any" ? gaps !== "" : has(gaps, gap));
        article.hidden = !fits;
        shown += fits;
    }
    for (const section of document.querySelectorAll("main > section")) {
        section.hidden = section.querySelector("article:not([hidden])") === null;
    }
    form.querySelector("output").value = `${shown} of ${articles.length} shown`;
}

// What somebody was sent to is shown, whatever the filters say.
function reveal() {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (target?.hidden) {
        form.reset();
        filter();
        target.scrollIntoView();
    }
}

form.hidden = false;
form.addEventListener("input", filter);
form.addEventListener("submit", (event) => event.preventDefault());
window.addEventListener("hashchange", reveal);
filter();
