// Looks of the report. Series colours keep apart for colour-blind readers and on both grounds.
#include "record/report/style.h"

namespace slipway::report {

const std::string_view kChartStyle = R"css(
:root {
  --ground: #ffffff; --page: #f6f6f3; --ink: #14140f; --soft: #55554f; --quiet: #77776f; --rule: #e4e4de;
    --axis: #b9b9b0;
  --c1: #2a78d6; --c2: #d9601f; --c3: #15976a; --c4: #6a4fc4; --c5: #8c8c84;
  --run-1: #1a6f8f; --run-2: #f06110; --run-3: #00a798; --run-4: #42188e;
  --run-5: #3f8ef5; --run-6: #b42e0c; --run-7: #6f0a33; --run-8: #1b0af4;
  --wait: #9a6200; --up: 42 120 214; --down: 214 72 58;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #1b1b19; --page: #121211; --ink: #f1f1ec; --soft: #bdbdb4; --quiet: #92928a; --rule: #30302c;
      --axis: #5b5b55;
    --c1: #5598e7; --c2: #ec835a; --c3: #37b587; --c4: #9c86ec; --c5: #8f8f88;
    --run-1: #8a9ef5; --run-2: #d31801; --run-3: #bad6f0; --run-4: #595ef5;
    --run-5: #f4a814; --run-6: #f56290; --run-7: #eff59a; --run-8: #c51597;
    --wait: #e0a740; --up: 85 152 231; --down: 232 104 88;
  }
}
.c1 { --c: var(--c1); } .c2 { --c: var(--c2); } .c3 { --c: var(--c3); } .c4 { --c: var(--c4); }
.c5 { --c: var(--c5); }
.c11 { --c: var(--run-1); } .c12 { --c: var(--run-2); } .c13 { --c: var(--run-3); } .c14 { --c: var(--run-4); }
.c15 { --c: var(--run-5); } .c16 { --c: var(--run-6); } .c17 { --c: var(--run-7); } .c18 { --c: var(--run-8); }
svg text { font-family: system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
.chart .grid, .chart .zero, .chart .mark { fill: none; stroke: var(--rule); stroke-width: 1; }
.chart .zero { stroke: var(--axis); }
.chart .mark { stroke-dasharray: 1 3; stroke: var(--axis); }
.chart .level { fill: none; stroke: var(--soft); stroke-width: 1.3; stroke-dasharray: 5 4; }
.chart .tick { font-size: 12px; fill: var(--quiet); font-variant-numeric: tabular-nums; }
.chart .halo { fill: var(--soft); stroke: var(--ground); stroke-width: 4px; paint-order: stroke;
  stroke-linejoin: round; }
.chart .name { font-size: 12px; fill: var(--soft); }
.chart .mid { text-anchor: middle; }
.chart .end { text-anchor: end; }
.chart .label { font-size: 12.5px; fill: var(--soft); }
.chart .value { font-weight: 650; fill: var(--ink); }
.chart .line { fill: none; stroke: var(--c); stroke-width: 2.2; stroke-linejoin: round; stroke-linecap: round; }
.chart .dense .line { stroke-width: 1.6; }
.chart .faint .line { stroke-width: 1; opacity: .42; }
.chart .dashed .line { stroke-dasharray: 7 5; }
.chart .dashed .key { stroke-dasharray: 3 5; }
.chart .dot { fill: var(--c); stroke: var(--ground); stroke-width: 1.5; }
.chart .key { fill: none; stroke: var(--c); stroke-width: 3; stroke-linecap: round; }
.chart .band { fill: var(--c); opacity: .14; }
.chart .area { fill: var(--c); fill-opacity: .16; stroke: var(--c); stroke-width: 1.8; stroke-linejoin: round; }
.chart .mean { fill: none; stroke: var(--c); stroke-width: 1.6; stroke-dasharray: 2 3; }
.chart .cross { fill: none; stroke: var(--soft); stroke-width: 1; }
)css";

const std::string_view kPageStyle = R"css(
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); line-height: 1.5; font-size: 15px;
  font-family: system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
main { max-width: 1180px; margin: 0 auto; padding: 22px 24px 56px; }
h1 { font-size: 28px; line-height: 1.2; margin: 0; letter-spacing: -.01em; overflow-wrap: anywhere; }
h2 { font-size: 19px; margin: 34px 0 4px; }
header { display: flex; flex-wrap: wrap; align-items: baseline; column-gap: 18px; }
header .brand { flex-basis: 100%; }
h3 { font-size: 15px; margin: 0; }
.brand { margin: 0 0 2px; color: var(--quiet); font-size: 13px; letter-spacing: .04em; }
.outcome { margin: 0; font-weight: 600; overflow-wrap: anywhere; }
.outcome::before { content: ""; display: inline-block; width: .62em; height: .62em; margin-right: .5em;
  border-radius: 50%; background: currentColor; }
.outcome { color: var(--soft); } .outcome.wait { color: var(--wait); }
.facts { display: flex; flex-wrap: wrap; column-gap: 22px; row-gap: 2px; margin: 8px 0 0; padding: 0; font-size: 13.5px; }
.facts div { min-width: 0; overflow-wrap: anywhere; } .facts dt, .facts dd { display: inline; margin: 0; }
.facts dt { color: var(--quiet); margin-right: 3px; }
.note { margin: 2px 0 0; color: var(--soft); font-size: 13.5px; max-width: 92ch; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 210px), 1fr)); gap: 12px;
  margin: 16px 0 0; padding: 0; }
.tile, figure, details, .sheet { background: var(--ground); border: 1px solid var(--rule); border-radius: 10px; }
.tile { padding: 10px 16px 9px; min-width: 0; }
.tile dt { color: var(--soft); font-size: 13px; overflow-wrap: anywhere; }
.tile dd { margin: 0; }
.tile .big { font-size: 25px; font-weight: 650; letter-spacing: -.015em; line-height: 1.3; overflow-wrap: anywhere; }
.tile .big small { font-size: 19px; font-weight: 500; color: var(--quiet); }
.tile .more { color: var(--soft); font-size: 13px; }
.charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 506px), 1fr)); gap: 16px;
  margin-top: 14px; }
figure { margin: 0; padding: 16px 16px 12px; display: flex; flex-direction: column; min-width: 0; }
figcaption { margin-bottom: 12px; }
figure svg { width: 100%; max-width: 640px; height: auto; margin-top: auto; display: block; overflow: visible;
  touch-action: pan-y; }
figure svg.narrow { display: none; max-width: 460px; }
.switched { display: grid; grid-template-columns: auto 1fr; align-content: space-between; align-items: center; }
.switched > figcaption, .switched > svg { grid-column: 1 / -1; }
.switched > input { margin: 0 7px 8px 0; accent-color: var(--c1); } .switched > label { margin-bottom: 8px; font-size: 13.5px; }
.switched > input:checked ~ svg.linear, .switched > input:not(:checked) ~ svg.log { display: none; }
.legend { list-style: none; display: flex; flex-wrap: wrap; gap: 2px 22px; margin: 8px 0 0; padding: 0; font-size: 13.5px; }
.legend li, .swatch { overflow-wrap: anywhere; }
.swatch[class*=" c"] { display: inline-flex; align-items: baseline; }
.swatch[class*=" c"]::before { flex: none; position: relative; top: -.22em; }
.legend li::before, .swatch[class*=" c"]::before { content: ""; display: inline-block; width: 22px; margin-right: 7px;
  vertical-align: .22em; border-top: 3px solid var(--c); }
.legend li.dashed::before, .swatch.dashed::before { border-top-style: dashed; }
.sheet { margin-top: 14px; overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
th { text-align: left; font-size: 13px; font-weight: 600; color: var(--soft); padding: 10px 14px;
  border-bottom: 1px solid var(--rule); }
td { vertical-align: top; padding: 12px 14px; border-bottom: 1px solid var(--rule); unicode-bidi: isolate;
  overflow-wrap: anywhere; }
tr:last-child td { border-bottom: 0; }
.samples td { width: 39%; } .samples td.prompt { width: 22%; font-weight: 600; }
.samples .text { white-space: pre-wrap; margin-top: 5px; unicode-bidi: plaintext; max-height: 9em; overflow-y: auto; }
.samples .change { display: block; font-weight: 400; font-size: 13px; color: var(--soft); margin-top: 5px; }
td.empty, .text.empty { color: var(--quiet); font-style: italic; }
td.row { font-weight: 600; }
.reward { display: inline-block; min-width: 3.6em; text-align: center; padding: 1px 9px; border-radius: 99px;
  font-weight: 600; font-size: 13px;
  font-variant-numeric: tabular-nums; border: 1px solid rgb(var(--hue) / .55);
    background: rgb(var(--hue) / calc(.06 + .5 * var(--share)));
  -webkit-print-color-adjust: exact; print-color-adjust: exact; }
.up { --hue: var(--up); } .down { --hue: var(--down); }
.numbers th, .numbers td { text-align: right; padding: 6px 12px; font-variant-numeric: tabular-nums;
  font-size: 13.5px; }
.numbers th { vertical-align: bottom; } .numbers td { white-space: nowrap; }
.numbers th:first-child, .numbers td.row { text-align: left; }
.figures th, .figures td, .differences th, .differences td { padding: 7px 12px; font-size: 13.5px; }
.figures td { font-variant-numeric: tabular-nums; }
.figures td, .figures .swatch, .differences td.row { overflow-wrap: break-word; }
.differences td { min-width: 84px; }
details { margin-top: 16px; }
details .sheet { border: 0; border-top: 1px solid var(--rule); border-radius: 0 0 10px 10px; margin: 0; }
summary { cursor: pointer; padding: 12px 16px; font-weight: 600; }
pre { margin: 0; padding: 14px 16px; border-top: 1px solid var(--rule); overflow-x: auto;
  font: 13px/1.5 ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace; }
footer { margin-top: 28px; color: var(--quiet); font-size: 13px; }
.tip { position: fixed; pointer-events: none; background: var(--ground); border: 1px solid var(--axis);
  border-radius: 7px; padding: 6px 10px; z-index: 2;
  font-size: 13px; box-shadow: 0 3px 14px rgb(0 0 0 / .16); font-variant-numeric: tabular-nums; }
.tip[hidden] { display: none; }
.tip div::before { content: ""; display: inline-block; width: 10px; height: 3px; border-radius: 2px;
  margin: 0 7px 4px 0; background: var(--c, transparent); }
.tip b { font-weight: 650; }
@media (max-width: 720px) {
  main { padding: 22px 14px 40px; }
  .samples thead { display: none; }
  .samples tr { display: block; border-bottom: 1px solid var(--rule); padding: 6px 0; }
  .samples td, .samples td.prompt { display: block; width: auto; border: 0; padding: 6px 14px; }
  .stacked thead { display: none; }
  .stacked tr { display: block; border-bottom: 1px solid var(--rule); padding: 6px 0; }
  .stacked td { display: flex; justify-content: space-between; gap: 16px; border: 0; padding: 2px 14px; text-align: right;
    white-space: normal; }
  .stacked td[data-when]::before { content: attr(data-when); color: var(--soft); text-align: left; overflow-wrap: anywhere; }
  pre { white-space: pre-wrap; overflow-wrap: anywhere; }
  .samples td[data-when]::before { content: attr(data-when); display: block; font-size: 13px; color: var(--soft); }
}
@media (max-width: 560px) {
  figure { padding: 12px 10px 10px; }
  .tiles { grid-template-columns: 1fr 1fr; gap: 8px; } .tile { padding: 8px 12px; }
  .tile .big { font-size: 19px; } .tile .big small { font-size: 15px; }
  figure svg.wide { display: none; }
  figure svg.narrow { display: block; }
}
@media print {
  figure svg.wide { display: block; } figure svg.narrow { display: none; } .samples .text { max-height: none; }
  :root { --ground: #fff; --page: #fff; --ink: #000; --soft: #444; --quiet: #555; --rule: #ddd; --axis: #999;
    --c1: #2a78d6; --c2: #d9601f; --c3: #15976a; --c4: #6a4fc4; --c5: #77776f; --wait: #9a6200;
    --run-1: #1a6f8f; --run-2: #f06110; --run-3: #00a798; --run-4: #42188e;
    --run-5: #3f8ef5; --run-6: #b42e0c; --run-7: #6f0a33; --run-8: #1b0af4;
    --up: 42 120 214; --down: 214 72 58; }
  main { max-width: none; padding: 0; }
  .tiles { grid-template-columns: repeat(4, 1fr); gap: 8px; } .tile { padding: 8px 10px; }
  .tile .big { font-size: 18px; } .tile .big small { font-size: 14px; }
  .charts { grid-template-columns: 1fr 1fr; gap: 8px; } figure { padding: 8px; } .note, body { font-size: 12px; }
  h1 { font-size: 24px; } h2 { margin-top: 24px; }
  figure, .tile, .samples tr { break-inside: avoid; }
  h2 { break-after: avoid; }
  details:not([open]), .tip, section:has(> details):not(:has(> details[open])) { display: none; }
}
)css";

const std::string_view kHoverScript = R"js(
(() => {
  const tip = document.createElement('div');
  tip.className = 'tip';
  tip.hidden = true;
  document.body.append(tip);
  const shown = value => Math.abs(value) >= 1e-3 && Math.abs(value) < 1e6 || value === 0
    ? value.toLocaleString('en', {maximumSignificantDigits: 6}) : value.toExponential(3);
  for (const svg of document.querySelectorAll('svg.chart')) {
    const series = [...svg.querySelectorAll('g.series[data-points]')].map(g => ({
      name: g.dataset.name, colour: [...g.classList].find(c => /^c\d+$/.test(c)),
      points: g.dataset.points.split(';').map(p => p.split(',').map(Number))}));
    if (!series.length) continue;
    const area = svg.viewBox.baseVal, cross = document.createElementNS(svg.namespaceURI, 'path');
    cross.setAttribute('class', 'cross');
    svg.append(cross);
    const nearest = (points, x) => points.reduce((best, p) => Math.abs(p[0] - x) < Math.abs(best[0] - x) ? p : best);
    const leave = () => { tip.hidden = true; cross.removeAttribute('d'); };
    svg.addEventListener('pointerleave', leave);
    svg.addEventListener('pointermove', event => {
      const box = svg.getBoundingClientRect(), x = (event.clientX - box.left) * area.width / box.width;
      const at = nearest(series.map(s => nearest(s.points, x)), x);
      if (Math.abs(at[0] - x) > 40) return leave();
      const head = document.createElement('b');
      head.textContent = svg.dataset.count + ' ' + shown(at[1]);
      tip.replaceChildren(head);
      for (const s of series) {
        const p = nearest(s.points, at[0]);
        if (Math.abs(p[0] - at[0]) > 3) continue;
        const row = document.createElement('div');
        row.className = s.colour;
        row.textContent = s.name + ' ' + shown(p[2]);
        tip.append(row);
      }
      cross.setAttribute('d', `M${at[0]} ${svg.dataset.top}V${area.height - 42}`);
      tip.hidden = false;
      const right = event.clientX + 16, fits = right + tip.offsetWidth <= innerWidth;
      const left = fits ? right : event.clientX - 16 - tip.offsetWidth;
      tip.style.left = Math.max(4, left) + 'px';
      tip.style.top = Math.max(4, event.clientY - tip.offsetHeight - 10) + 'px';
    });
  }
})();
)js";

}  // namespace slipway::report
