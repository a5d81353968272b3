// The report's style: light and dark by the reader's preference, wide, narrow and printed. Hues are
// told apart also with red-green colour blindness (after Okabe and Ito, "Color Universal Design",
// 2008).
#pragma once

namespace vpunas {

inline constexpr const char* kReportStyle = R"css(
:root {
  color-scheme: light dark;
  --paper: #fbfbf9; --card: #ffffff; --ink: #1b2127; --soft: #5a6570; --line: #cfd5da; --grid: #e8ebed;
  --c0: #0b62b0; --c1: #b9500b; --c2: #0a7a5c; --c3: #96408a; --c4: #66707a; --good: #0a7a5c; --bad: #b3400a;
  --k0: #5b9bd5; --k1: #4fb598; --k2: #e0a13c; --k3: #c587bd; --k4: #c9b458; --k5: #9aa5af;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #13171b; --card: #1a1f25; --ink: #e6e9ec; --soft: #9eaab5; --line: #3c4650; --grid: #272e35;
    --c0: #6cb4f5; --c1: #f29a5b; --c2: #4fc7a1; --c3: #dd9dd2; --c4: #a7b1bb; --good: #4fc7a1; --bad: #f29a5b;
    --k0: #3d7fba; --k1: #2f8f75; --k2: #b07a20; --k3: #9d5f95; --k4: #8f7f30; --k5: #66717c;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; scroll-behavior: smooth; }
body {
  margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "DejaVu Sans", Arial, sans-serif;
  font-variant-numeric: tabular-nums;
}
nav { border-bottom: 1px solid var(--line); overflow-x: auto; }
nav ul { display: flex; gap: 1.4em; list-style: none; max-width: 1064px; margin: 0 auto; padding: 0 32px; }
nav a { display: block; padding: 12px 0; color: var(--soft); font-size: 14px; text-decoration: none; white-space: nowrap; }
nav a:hover, nav a:focus { color: var(--c0); }
main { max-width: 1064px; margin: 0 auto; padding: 0 32px 64px; }
section { padding-top: 56px; }
header { padding-top: 48px; }
h1 {
  max-width: 32em; margin: 0 0 20px; font: 400 28px/1.35 Charter, "Bitstream Charter", Georgia, "DejaVu Serif", serif;
  letter-spacing: -0.005em; text-wrap: pretty;
}
h2 { margin: 0 0 8px; font-size: 22px; line-height: 1.3; font-weight: 650; letter-spacing: -0.01em; }
h3 { margin: 36px 0 8px; font-size: 16px; font-weight: 650; }
p { max-width: 44em; }
.kicker { margin: 0 0 12px; color: var(--soft); font-size: 14px; overflow-wrap: anywhere; }
.lead { margin: 0 0 16px; color: var(--soft); }
.note { color: var(--soft); font-size: 14px; }
.warning { border-left: 3px solid var(--c1); padding: 4px 0 4px 14px; }
.good { color: var(--good); } .bad { color: var(--bad); } em { font-style: normal; font-weight: 600; }
.targets { display: flex; flex-wrap: wrap; gap: 8px 24px; list-style: none; margin: 0 0 28px; padding: 0; font-weight: 600; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(280px, 1fr)); gap: 1px; margin: 0; padding: 1px;
  background: var(--line); }
.tile { background: var(--card); padding: 16px 20px 14px; }
.tile dt { color: var(--soft); font-size: 14px; }
.tile dd { margin: 0; }
.tile b { display: block; font-size: 32px; line-height: 1.3; font-weight: 600; letter-spacing: -0.02em; white-space: nowrap; }
.tile small { font-size: 18px; font-weight: 400; color: var(--soft); letter-spacing: 0; }
.tile span { display: block; color: var(--soft); font-size: 13.5px; line-height: 1.5; }
.samples { display: grid; grid-template-columns: repeat(auto-fill, minmax(230px, 1fr)); gap: 18px 24px; list-style: none; margin: 16px 0; padding: 0; }
.sample { display: flex; gap: 12px; font-size: 13px; line-height: 1.4; break-inside: avoid; min-width: 0; }
.sample img { width: 72px; height: 72px; object-fit: contain; image-rendering: pixelated; background: #000; border-radius: 4px; flex: none; }
.sample > div { flex: 1; min-width: 0; } .sample b { font-weight: 600; overflow-wrap: anywhere; }
.guess { display: grid; grid-template-columns: 1fr auto; gap: 0 8px; } .guess.bad { color: var(--soft); } .guess span { overflow-wrap: anywhere; }
.guess .cost { grid-column: 1 / -1; height: 4px; margin: 1px 0 3px; }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 12px 28px; margin: 16px 0 24px; }
.facts dt { color: var(--soft); font-size: 13.5px; } .facts dd { margin: 0; overflow-wrap: anywhere; }
.legend { display: flex; flex-wrap: wrap; gap: 4px 20px; list-style: none; margin: 12px 0 4px; padding: 0; font-size: 14px; }
.swatch { display: inline-block; width: 12px; height: 12px; border-radius: 3px; margin-right: 7px; vertical-align: -1px; }
figure { margin: 20px 0 0; }
figcaption { max-width: 50em; margin-top: 6px; color: var(--soft); font-size: 14px; line-height: 1.5; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 460px), 1fr)); gap: 16px 32px; margin-bottom: 24px; }
.narrow { display: none; }
.tip {
  position: fixed; z-index: 1; max-width: min(380px, 92vw); padding: 8px 12px; border: 1px solid var(--line); border-radius: 6px;
  background: var(--card); box-shadow: 0 2px 10px rgb(0 0 0 / 0.15); font-size: 14px; line-height: 1.45; overflow-wrap: anywhere; pointer-events: none;
}
.tip b { display: block; } .tip div { display: flex; justify-content: space-between; gap: 20px; } .tip div :last-child { text-align: right; }
.tools { display: flex; float: right; gap: 16px; margin-left: 24px; } .tools button { padding: 4px 0; border: 0; background: none; color: var(--soft); font: inherit; font-size: 13px; cursor: pointer; }
.tools button:hover { color: var(--c0); } [hidden] { display: none !important; }
.legend button { padding: 3px 0; border: 0; background: none; color: inherit; font: inherit; } .legend button:enabled { cursor: pointer; } .legend .off { opacity: 0.45; text-decoration: line-through; }
.numbers { margin-top: 8px; font-size: 14px; } .numbers summary { font-weight: 400; font-size: 13.5px; }
.still { display: block; max-width: 100%; height: auto; overflow: visible; } svg.still:focus:not(:focus-visible) { outline: none; }
.scroll { overflow-x: auto; margin-top: 12px; }
table { border-collapse: collapse; width: 100%; font-size: 14px; line-height: 1.4; }
th { color: var(--soft); font-weight: 500; font-size: 13px; text-align: left; vertical-align: bottom; border-bottom: 1px solid var(--line); }
th, td { padding: 6px 14px 6px 0; } th:last-child, td:last-child { padding-right: 0; }
td { border-bottom: 1px solid var(--grid); vertical-align: top; }
.n { text-align: right; white-space: nowrap; }
tr.soft td { color: var(--soft); } tr.sum td { font-weight: 600; border-bottom: 0; }
.cost { display: block; min-width: 1px; height: 12px; margin-top: 4px; border-radius: 2px; }
.costs { display: flex; gap: 1px; } .rest { --c: var(--c4); }
td:has(> .cost), td:has(> .costs) { min-width: 120px; } #network td:nth-child(2) { min-width: 132px; }
code, pre { font: 13px/1.5 ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; }
code { overflow-wrap: anywhere; } td code { white-space: nowrap; } pre { overflow-x: auto; padding: 16px; border: 1px solid var(--line); border-radius: 8px; background: var(--card); }
details { margin-top: 28px; } summary { cursor: pointer; color: var(--c0); font-weight: 600; }
footer { margin-top: 64px; padding-top: 16px; border-top: 1px solid var(--line); color: var(--soft); font-size: 14px; }

.still text { font-size: 12px; fill: var(--ink); }
.still .tick, .still .inbox, .still .inheat { font-size: 11px; } .still .tick { fill: var(--soft); }
.still .what { fill: var(--soft); } .still .soft { fill: var(--soft); } .still .strong { font-weight: 600; }
.still .grid { stroke: var(--grid); } .still .axis, .still .leader { stroke: var(--line); }
.still .line { fill: none; stroke: var(--c); stroke-width: 2; stroke-linejoin: round; stroke-linecap: round; } .still .thin { stroke-width: 1.4; }
.still .range { stroke: var(--c); stroke-width: 1.5; opacity: 0.65; }
.still .dot { fill: var(--c); stroke: var(--paper); stroke-width: 1.5; }
.still .hollow.dot { fill: var(--paper); stroke: var(--c); stroke-width: 2; }
.still .faint { fill: var(--c4); fill-opacity: 0.4; }
.still .name, .still .budget-name { paint-order: stroke; stroke: var(--paper); stroke-width: 4px; stroke-linejoin: round; }
.still .name[class*=" c"] { fill: var(--c); font-weight: 600; }
.still .budget { stroke: var(--bad); stroke-width: 1.2; stroke-dasharray: 5 4; } .still .of-sweep { stroke: var(--c3); stroke-dasharray: 2 4; } .still .budget-name { fill: var(--bad); }
.still .marks { overflow: visible; } .still .zoomed .marks { overflow: hidden; } .still .off { display: none; }
.still .cursor { stroke: var(--soft); pointer-events: none; } .still .drag { fill: var(--c0); fill-opacity: 0.12; stroke: var(--c0); } .still .near { stroke: var(--ink); stroke-width: 1.5; }
.still .area { fill: var(--c); fill-opacity: 0.85; } .still .under { fill: var(--paper); }
.still .stage { fill: var(--c); } .still .box { fill: var(--c); fill-opacity: 0.55; } .still .rest { fill: var(--line); fill-opacity: 0.6; } .still .bar { fill: var(--c); fill-opacity: 0.8; }
.still .heat { fill: var(--c0); } .still .empty { fill: var(--grid); fill-opacity: 0.6; } .still .inheat.dark { fill: var(--card); }
.still .chosen { fill: none; stroke: var(--c1); stroke-width: 2; }
.c0 { --c: var(--c0); } .c1 { --c: var(--c1); } .c2 { --c: var(--c2); } .c3 { --c: var(--c3); } .c4 { --c: var(--c4); }
.k0 { --c: var(--k0); } .k1 { --c: var(--k1); } .k2 { --c: var(--k2); } .k3 { --c: var(--k3); } .k4 { --c: var(--k4); } .k5 { --c: var(--k5); }
.swatch, .cost { background: color-mix(in srgb, var(--c) 75%, transparent); } .swatch.solid { background: var(--c); } .swatch.hollow { background: none; border: 2px solid var(--c); }

@media screen and (max-width: 759px) {
  main { padding: 0 16px 48px; } nav ul { padding: 0 16px; } header { padding-top: 28px; } section { padding-top: 44px; }
  .tools { float: none; justify-content: flex-end; } h1 { font-size: 22px; } .tiles { grid-template-columns: repeat(auto-fit, minmax(100%, 1fr)); }
  .wide { display: none; } .narrow { display: block; max-width: 460px; } .narrow .still { width: 100%; }
  td:has(> .cost) { min-width: 72px; }
}
@media print {
  .tip, .tools { display: none; }
  :root { --paper: #fff; --card: #fff; } nav { display: none; } body { font-size: 11pt; }
  main { max-width: none; padding: 0; } section { padding-top: 28px; } figure, tr, .tile { break-inside: avoid; } h2, h3, .lead { break-after: avoid; }
  .scroll { overflow: visible; } * { -webkit-print-color-adjust: exact; print-color-adjust: exact; }
}
)css";

}  // namespace vpunas
