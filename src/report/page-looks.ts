/** How the page looks, and what its one script does; both stand in the page, and its policy names their hashes. */

export const PAGE_STYLE = `
:root { color-scheme: light dark; --ground: #fff; --ink: #1b1f24; --quiet: #57606a; --line: #d0d7de; --well: #116329; --ill: #a40e26; --advertised: #6e9fd6; --signing: #2da44e; --grace: #bf8700; --link: #0550ae; }
@media (prefers-color-scheme: dark) { :root { --ground: #0d1117; --ink: #e6edf3; --quiet: #9ea7b3; --line: #30363d; --well: #56d364; --ill: #ff938a; --advertised: #4a7ab5; --signing: #2ea043; --grace: #bb8009; --link: #79c0ff; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 60rem; padding: 1rem; background: var(--ground); color: var(--ink); font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; margin: 0; } h2 { font-size: 1.2rem; margin: 0; } h3 { font-size: 1rem; margin: .5rem 0; }
section, details { margin: 1.5rem 0; } details.record { margin: .5rem 0; }
summary { cursor: pointer; } summary h2, summary h3 { display: inline; }
.verdict { font-size: 1.2rem; margin: .25rem 0; } p { margin: .5rem 0; }
.well { color: var(--well); } .ill { color: var(--ill); } .quiet { color: var(--quiet); }
a { color: var(--link); } code { font-family: ui-monospace, monospace; font-size: .9em; }
table { border-collapse: collapse; width: 100%; } th, td { text-align: left; vertical-align: top; padding: .35rem .75rem .35rem 0; border-bottom: 1px solid var(--line); overflow-wrap: normal; } th .quiet { font-weight: normal; } .short td { white-space: nowrap; }
.wide { overflow-x: auto; } ul { padding-left: 1.2rem; } ul.bare { list-style: none; padding: 0; } ul.bare li { padding: .5rem 0; border-bottom: 1px solid var(--line); }
ul.bare li.trouble { border-left: 4px solid var(--ill); padding-left: .75rem; }
figure { margin: 1rem 0; } svg { display: block; } svg text { font: 12px ui-monospace, monospace; fill: var(--ink); } svg .axis { fill: var(--quiet); font-size: 11px; }
.grid { stroke: var(--line); } .now { stroke: var(--ink); stroke-width: 2; } rect.ahead { fill-opacity: .55; stroke-dasharray: 3 2; }
rect.advertised { fill: var(--advertised); stroke: var(--advertised); } rect.signing { fill: var(--signing); stroke: var(--signing); } rect.grace { fill: var(--grace); stroke: var(--grace); }
i { display: inline-block; width: .8em; height: .8em; margin-right: .3em; } i.advertised { background: var(--advertised); } i.signing { background: var(--signing); } i.grace { background: var(--grace); } .key { margin-right: 1em; }
.value { display: block; padding: .5rem; border: 1px solid var(--line); user-select: all; overflow-wrap: anywhere; }
button { font: inherit; padding: .1rem .6rem; }
`;

/** Without it the record can still be marked and copied by hand. */
export const PAGE_SCRIPT = `
for (const button of document.querySelectorAll("button[data-copies]")) {
	button.hidden = navigator.clipboard === undefined;
	button.addEventListener("click", async () => {
		await navigator.clipboard.writeText(document.getElementById(button.dataset.copies).textContent);
		button.textContent = "Copied";
	});
}
function unfold() {
	const named = document.getElementById(location.hash.slice(1));
	if (named instanceof HTMLDetailsElement) named.open = true;
}
addEventListener("hashchange", unfold);
unfold();
`;
