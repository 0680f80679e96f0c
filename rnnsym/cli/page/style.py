"""The look of the report beyond that of all pages: contents at the side, plates for figures, a phone, paper."""

from __future__ import annotations

REPORT_STYLE = """
html { scroll-padding-top: 1.5rem; }
body { max-width: none; margin: 0; padding: 0; }
.skip { position: absolute; left: -99rem; } .skip:focus { left: 1rem; top: 1rem; padding: .5rem 1rem; z-index: 2;
  background: var(--panel); }
.page { display: grid; grid-template-columns: 15rem minmax(0, 50rem); gap: 4rem; justify-content: center;
  padding: 0 2rem; }
main { padding: 4rem 0 6rem; } main:focus { outline: none; }
.contents { position: sticky; top: 0; align-self: start; max-height: 100vh; overflow-y: auto; padding: 4.4rem 0 2rem;
  font-size: .9rem; line-height: 1.4; }
.contents ol { list-style: none; margin: 0; padding: 0; } .contents li { margin: 0 0 .55rem; }
.contents a { color: var(--quiet); text-decoration: none; display: inline-block; padding: .05rem 0; }
.contents a:hover { color: var(--accent); text-decoration: underline; }
.kicker { margin: 0; font-size: .85rem; letter-spacing: .08em; text-transform: uppercase; color: var(--quiet); }
h1 { font-size: 2.3rem; line-height: 1.15; letter-spacing: -.015em; margin: .3rem 0 1rem; font-weight: 650; }
.lede { font-size: 1.15rem; line-height: 1.5; max-width: 40rem; color: var(--quiet); margin: 0 0 2rem; }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(13.5rem, 1fr)); gap: 1.1rem 2rem; margin: 0;
  padding: 1.3rem 0; border: solid var(--line); border-width: 1px 0; }
.facts dt { font-size: .8rem; color: var(--quiet); } .facts dd { margin: .1rem 0 0; font-weight: 550; }
.part { margin-top: 4.5rem; }
.part > h2 { font-size: 1.55rem; letter-spacing: -.01em; margin: 0 0 1rem; padding-bottom: .5rem;
  border-bottom: 1px solid var(--line); font-weight: 650; }
h2 .passed, h2 .failed { font-size: 1rem; font-weight: 500; letter-spacing: 0; margin-left: .5rem; }
h3 { font-size: 1.1rem; margin: 2.6rem 0 .6rem; }
p { max-width: 44rem; }
.passed { color: var(--good); } .failed { color: var(--bad); } p.failed { font-weight: 600; }
.part .equations table { margin: 0; }
.lead { font-size: 1.15rem; } .lead .equations { padding: .6rem 0; }
pre { overflow: auto; max-height: 34rem; margin: 1rem 0; padding: 1rem 1.2rem; font-size: .83rem; line-height: 1.55;
  background: var(--panel); border-radius: .5rem; tab-size: 4; }
code { font-family: ui-monospace, "SF Mono", "Cascadia Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; }
pre .comment, pre .string { color: var(--quiet); } pre .keyword { color: var(--accent); }
table.names { min-width: 24rem; font-size: .93rem; }
table.broad { min-width: 46rem; }
table.names caption { font-size: .85rem; color: var(--quiet); padding-bottom: .4rem; }
table.names .number { text-align: right; white-space: nowrap; }
sup { line-height: 0; font-size: .75em; }
figure { margin: 2rem 0; } figcaption { font-size: .93rem; margin-top: .7rem; max-width: 44rem; color: var(--quiet); }
figcaption strong { color: var(--ink); } .file { white-space: nowrap; }
.plate { margin: 0; padding: .8rem; border: 1px solid var(--line); border-radius: .5rem; background: #fff; }
.plate svg { display: block; max-width: 100%; min-width: 30rem; height: auto; margin: 0 auto; }
#figure-unrolled .plate svg, #figure-gradient-paths .plate svg { min-width: 0; }
.curve { display: block; width: 100%; max-width: 37rem; font: .75rem system-ui, sans-serif; fill: var(--quiet); }
.curve polyline { fill: none; stroke: var(--accent); stroke-width: 2; }
.curve .axis { fill: none; stroke: var(--line); } .curve .end { text-anchor: end; }
@media screen and (prefers-color-scheme: dark) {
  .plate { background: #1a1a1a; } .plate svg { filter: invert(.9) hue-rotate(180deg); }
}
@media screen and (max-width: 64rem) {
  .page { display: block; max-width: 50rem; margin: 0 auto; padding: 0 1.2rem; }
  main { padding: 1rem 0 4rem; }
  .contents { position: static; max-height: none; padding: 1.2rem 0; border-bottom: 1px solid var(--line); }
  .contents ol { columns: 14rem; } .contents a { padding: .15rem 0; }
}
@media screen and (max-width: 40rem) {
  h1 { font-size: 1.8rem; } .lede { font-size: 1.05rem; } .part { margin-top: 3.2rem; } .lead { font-size: 1rem; }
  .facts { grid-template-columns: 1fr; gap: .8rem; } .part > h2 { font-size: 1.35rem; }
  .equations, .wide:not(.plate) { margin-right: -1.2rem; padding-right: 1.2rem; background:
    linear-gradient(to left, var(--paper) 30%, transparent) right / 3rem 100% no-repeat local,
    linear-gradient(to left, var(--shade), transparent) right / .7rem 100% no-repeat scroll; }
}
@media print {
  @page { size: A4; margin: 20mm 18mm; }
  html { font-size: 9.5pt; }
  .contents, .skip { display: none; } .page { display: block; padding: 0; } main { padding: 0; }
  .part { margin-top: 2.6rem; } p { orphans: 3; widows: 3; max-width: none; } .facts, figure { break-inside: avoid; }
  pre { overflow: visible; max-height: none; white-space: pre-wrap; overflow-wrap: anywhere; font-size: 7.5pt; }
  figure { margin: 1.2rem 0; } figcaption { max-width: none; } .plate { padding: .4rem; }
  .plate svg { min-width: 0; max-height: 90mm; } .curve { max-width: 26rem; }
  table.names { min-width: 0; } table.names td, table.names th { padding-top: .2rem; padding-bottom: .2rem; }
}
"""
