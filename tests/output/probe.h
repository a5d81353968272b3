// What the tests add to a page to see in a browser what its scripts have made of it: faults are
// gathered from the start, and the dumped page ends with a script element "probe" of JSON.
#pragma once

namespace vpunas {

inline constexpr const char* kProbeBegin = R"js(<script>
const faults = [];
addEventListener('error', event => faults.push(String(event.message)), true);
addEventListener('unhandledrejection', event => faults.push(String(event.reason)));
addEventListener('securitypolicyviolation', event => faults.push(event.violatedDirective));
console.error = (...words) => faults.push(words.join(' '));
</script>)js";

inline constexpr const char* kProbeEnd = R"js(<script>
{
  const all = (within, selector) => [...within.querySelectorAll(selector)];
  const tip = document.querySelector('.tip'), tipText = () => (tip.hidden ? '' : tip.innerText);
  const shown = within => all(within, '.marks *, svg > rect').filter(one => getComputedStyle(one).display !== 'none').length;
  SVGElement.prototype.setPointerCapture = () => {};  // there is no such pointer
  const saved = [], RealBlob = Blob;
  window.Blob = function (parts, options) {
    saved.push(parts[0]);
    return new RealBlob(parts, options);
  };
  HTMLAnchorElement.prototype.click = () => {};

  const pictures = all(document, 'figure').map(figure => {
    const svg = all(figure, 'svg.still').find(one => one.getClientRects().length > 0);
    const told = {label: svg.getAttribute('aria-label'), seen: all(figure, 'svg.still').filter(one => one.getClientRects().length > 0).length};
    told.width = svg.getBoundingClientRect().width;
    told.colour = getComputedStyle(svg.querySelector('text')).fill;
    told.series = all(svg, '[data-values]').map(one => ({name: one.dataset.name, data: one.dataset.values.trim().split(' ').map(pair => pair.split(',').map(Number))}));
    const fire = (type, x, y, more = {}) => {
      const {x: clientX, y: clientY} = new DOMPoint(x, y).matrixTransform(svg.getScreenCTM());
      const kind = type === 'wheel' ? WheelEvent : PointerEvent;
      svg.dispatchEvent(new kind(type, {clientX, clientY, pointerType: 'mouse', bubbles: true, cancelable: true, ...more}));
    };
    const leave = () => svg.dispatchEvent(new PointerEvent('pointerleave', {pointerType: 'mouse'}));

    // The places that the arrow keys come to; of curves, which have many and tell no other way, a few.
    const most = told.series.length > 0 ? 20 : 400;
    told.tips = [];
    for (let last = null, same = 0; told.tips.length < most && same < 3; same = last === tipText() ? same + 1 : 0) {
      last = tipText();
      svg.dispatchEvent(new KeyboardEvent('keydown', {key: 'ArrowRight', cancelable: true}));
      if (told.tips.at(-1) !== tipText()) told.tips.push(tipText());
    }
    told.size = parseFloat(getComputedStyle(tip).fontSize);
    told.made = all(tip, 'img, script').length;
    svg.dispatchEvent(new KeyboardEvent('keydown', {key: 'Escape'}));
    told.escaped = tipText();

    const mark = svg.querySelector('circle, .marks rect, rect, polyline, polygon'), box = mark.getBBox();
    const middle = [box.x + box.width / 2, box.y + box.height / 2];
    fire('pointermove', ...middle);
    told.hovered = tipText();
    leave();
    told.left = tipText();
    fire('click', ...middle, {pointerType: 'touch'});
    told.tapped = tipText();
    document.body.click();
    told.tappedElsewhere = tipText();

    const entry = figure.querySelector('.legend button');
    if (entry) {
      told.toggled = [shown(svg)];
      for (let i = 0; i < 2; ++i) {
        entry.click();
        told.toggled.push(shown(svg));
      }
    }

    const plot = all(svg, '.plot').find(one => one.querySelector('.ticks'));
    if (plot) {
      const ticks = () => all(plot, '[data-axis=x] text').map(one => Number(one.textContent));
      const [x, y, w, h] = plot.querySelector('.marks').getAttribute('viewBox').split(' ').map(Number);
      const drag = () => {
        fire('pointerdown', x + 0.4 * w, y + 0.3 * h);
        fire('pointermove', x + 0.5 * w, y + 0.4 * h, {buttons: 1});
        fire('pointermove', x + 0.6 * w, y + 0.7 * h, {buttons: 1});
        fire('pointerup', x + 0.6 * w, y + 0.7 * h);
      };
      const whole = all(figure, '.tools button')[0];
      told.axis = plot.dataset.x.split(' ').map(Number);
      told.ticks = [ticks()];
      drag();
      told.ticks.push(ticks());
      told.whole = [whole.hidden];
      fire('dblclick', x, y);
      told.ticks.push(ticks());
      told.whole.push(whole.hidden);
      for (let i = 0; i < 3; ++i) fire('wheel', x + 0.5 * w, y + h + 10, {deltaY: -100});
      told.ticks.push(ticks());
      whole.click();
      told.ticks.push(ticks());
      fire('wheel', x + 0.5 * w, y + 0.5 * h, {deltaY: -100});  // scrolls the page
      told.ticks.push(ticks());
      drag();
      entry?.click();
      window.dispatchEvent(new Event('beforeprint'));
      told.ticks.push(ticks());
    }
    told.off = all(document, '.off').length;
    all(figure, '.tools button').at(-1).click();
    told.saved = new DOMParser().parseFromString(saved.at(-1), 'image/svg+xml').documentElement.tagName;
    return told;
  });
  const told = {faults, pictures, hacked: window.hacked === 1, page: document.scrollingElement.scrollWidth, window: innerWidth};
  const text = JSON.stringify(told).replaceAll('<', '\\u003c');
  parent === window ? tell(text) : parent.postMessage(text, '*');
}
</script>)js";

// A page with the page to look at in a frame as wide as a telephone; a browser's window cannot be
// made so narrow.
inline constexpr const char* kTelephone =
    R"js(<!DOCTYPE html><title>frame</title><body style="margin: 0">
<iframe src="page.html" style="width: 390px; height: 844px; border: 0"></iframe>)js";

inline constexpr const char* kTell = R"js(<script>
const tell = text => {
  const probe = document.createElement('script');
  probe.type = 'application/json';
  probe.id = 'probe';
  probe.textContent = text;
  document.body.append(probe);
};
onmessage = event => tell(event.data);
</script>)js";

}  // namespace vpunas
