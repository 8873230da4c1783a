"""The page's style and its only script."""

STYLE = """
:root { color-scheme: light dark; --text: #1d2329; --page: #fff; --soft: #5b6670; --line: #d8dde2; --box: #f5f7f9;
  --bad: #b3261e; --good: #17663a; --bar: #3b78b5; --link: #0b5cad; }
@media (prefers-color-scheme: dark) { :root { --text: #e3e7eb; --page: #15181c; --soft: #9aa5b0; --line: #363d45;
  --box: #1f242a; --bad: #ff8a80; --good: #7fd69d; --bar: #5b9bd8; --link: #7cb8f5; } }
* { box-sizing: border-box; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem; color: var(--text);
  background: var(--page); }
h1 { font-size: 1.6rem; overflow-wrap: anywhere; } h2 { font-size: 1.2rem; margin: 2.2rem 0 .3rem; }
h2 small, p small { color: var(--soft); font-weight: 400; }
a { color: var(--link); }
table { border-collapse: collapse; margin: .6rem 0; max-width: 100%; }
td, th { border-bottom: 1px solid var(--line); padding: .3em .8em .3em 0; text-align: left; vertical-align: top;
  font-weight: 400; overflow-wrap: anywhere; }
thead th, .facts th { color: var(--soft); white-space: nowrap; }
.number { text-align: right; font-variant-numeric: tabular-nums; }
.todo td:first-child { font-weight: 600; padding-right: 1.2em; } .todo td:nth-child(2) { min-width: 14em; }
.serious td:first-child { color: var(--bad); } .good { color: var(--good); font-weight: 600; }
.notes, .note { color: var(--soft); }
.pictures { display: flex; flex-wrap: wrap; gap: .8rem; margin: .8rem 0; align-items: stretch; }
figure { margin: 0; width: 168px; padding: .5rem; border: 1px solid var(--line); border-radius: 6px;
  background: var(--box); font-size: 12.5px; line-height: 1.35; overflow-wrap: anywhere; }
figure.pair { width: 264px; }
figure div { display: flex; gap: 6px; height: 116px; margin-bottom: .4rem; align-items: center;
  justify-content: center; }
figure img { max-width: 118px; max-height: 112px; border: 1px solid var(--line); background: #fff; }
figure i { color: var(--soft); } figcaption span { color: var(--soft); }
.classes td, .classes th { padding-top: .12em; padding-bottom: .12em; } rect { fill: var(--bar); }
svg { vertical-align: middle; }
"""

# MLflow's artifact viewer shows a page in a sandbox in which links within the page lead nowhere
SCRIPT = """
document.addEventListener("click", event => {
  const link = event.target.closest("a[href^='#']");
  if (!link) return;
  event.preventDefault();
  document.getElementById(link.getAttribute("href").slice(1)).scrollIntoView();
});
"""
