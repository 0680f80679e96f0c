"""The look of all pages: colours for light and dark, running text, tables, equations with their marks, paper.

Every colour of text has a contrast of at least 4.5 to what it stands on. What may be wide scrolls on its own.
"""

from __future__ import annotations

STYLE_SHEET = """
:root { color-scheme: light dark; --paper: #ffffff; --ink: #1c2127; --quiet: #57606b; --line: #d8dce2; --panel: #f5f6f8;
  --accent: #1b55ad; --good: #0a6b45; --bad: #b3261e; --shade: #0003; }
@media screen and (prefers-color-scheme: dark) {
  :root { --paper: #15171a; --ink: #e3e6ea; --quiet: #a5adb8; --line: #373c44; --panel: #1e2125; --accent: #8fbaff;
    --good: #62d3a7; --bad: #ff9f90; --shade: #000c; }
}
* { box-sizing: border-box; }
body { font: 1rem/1.6 system-ui, sans-serif; max-width: 52rem; margin: 2rem auto; padding: 0 1rem; color: var(--ink);
  background: var(--paper); }
h1 { font-size: 1.6rem; line-height: 1.25; } h2 { font-size: 1.2rem; margin-top: 2.4rem; line-height: 1.3; }
p, li, dd, h1, h2, h3 { overflow-wrap: anywhere; }
a { color: var(--accent); } a:focus-visible, summary:focus-visible, [tabindex]:focus-visible {
  outline: 2px solid var(--accent); outline-offset: 2px; border-radius: 2px; }
math { font-family: "rnnsym math", "STIX Two Math", "Latin Modern Math", "Cambria Math", math; }
.equations { overflow: auto hidden; margin: .4rem 0 1rem; }
.equations table { border-collapse: collapse; margin: 0 auto; }
.equations td { padding: .18rem .3rem; vertical-align: baseline; white-space: nowrap; }
.equations td.left { text-align: right; padding-right: 0; }
mtd { text-align: left; }
.equations td.mark { font-size: .8rem; } .equations td.note { padding-left: 1.5rem; color: var(--quiet); }
details.check summary { cursor: pointer; list-style: none; color: var(--good); padding: 0 .3rem; }
details.check summary::-webkit-details-marker { display: none; }
details.check.failed summary { color: var(--bad); }
details.check dl { width: 13rem; margin: .3rem .6rem .5rem 0; padding: .5rem .7rem; white-space: normal;
  line-height: 1.4; background: var(--panel); border-radius: .3rem; }
details.check dt { font-weight: 600; } details.check dd { margin: 0 0 .25rem; color: var(--quiet); }
.wide { overflow-x: auto; margin: 1rem 0; }
table.names { border-collapse: collapse; }
table.names caption { text-align: left; }
table.names th, table.names td { text-align: left; vertical-align: top; padding: .3rem 1.2rem .3rem 0;
  border-bottom: 1px solid var(--line); }
table.names thead th { font-size: .85rem; color: var(--quiet); font-weight: 600; }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
p.step { margin: 1rem 0 0; break-after: avoid; }
@media print {
  html { font-size: 10pt; } body { max-width: none; margin: 0; padding: 0; }
  h1, h2, h3, h2 + p, h3 + p, caption { break-after: avoid; } .equations, tr { break-inside: avoid; }
  .equations, .wide { overflow: visible; } a { color: inherit; }
  table.names tr:nth-child(-n+3), table.names tr:nth-last-child(-n+2) { break-before: avoid; }
}
"""
