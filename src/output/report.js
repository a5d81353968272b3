// Makes the page's pictures answer their reader: a tooltip at the mark nearest to the pointer, a
// touch or the arrow keys; series that the legend hides and shows; plots that a drag zooms, or the
// wheel over an axis (with Ctrl anywhere in them), and that a double click shows whole again. All
// that it knows of a picture stands in the picture's elements, where svg.cpp writes it.
'use strict';
{
  const all = (within, selector) => [...within.querySelectorAll(selector)];
  const range = text => text?.split(' ').map(Number);
  const pairs = text => text.trim().split(' ').map(pair => pair.split(',').map(Number));
  const clamp = (value, [low, high]) => Math.min(Math.max(value, low), high);
  const between = (value, [a, b], [c, d]) => c + ((value - a) / (b - a)) * (d - c);
  const shown = (value, unit) => `${Number(value.toPrecision(6))}${unit ? '\u00a0' + unit : ''}`;
  const html = (tag, className, text = '', ...children) => {
    const element = Object.assign(document.createElement(tag), {className, textContent: text});
    element.append(...children);
    return element;
  };
  const svgElement = (tag, attributes) => {
    const element = document.createElementNS('http://www.w3.org/2000/svg', tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    return element;
  };

  // --- Plots and their zoom ---

  // `frame`: its sides in pixels by axis; `part`: what of the whole fills it; `values`: of the whole
  // at its sides.
  const plotOf = node => {
    const marks = node.querySelector('.marks');
    const [x, y, w, h] = range(marks.getAttribute('viewBox'));
    const frame = {x: [x, x + w], y: [y, y + h]};
    const values = {x: range(node.dataset.x), y: range(node.dataset.y)?.reverse()};
    const curves = all(marks, '[data-values]').map(one => [one, pairs(one.dataset.values)]);
    return {node, marks, frame, part: {...frame}, values, curves, ticks: all(node, '.ticks')};
  };
  const axesOf = plot => plot.ticks.map(ticks => ticks.dataset.axis);
  const holds = ({frame}, {x, y}, room = 0) =>
    Math.abs(x - clamp(x, frame.x)) <= room && Math.abs(y - clamp(y, frame.y)) <= room;
  // Where the zoom has a pixel of the whole, and a value.
  const place = ({part, frame}, axis, pixel) => between(pixel, part[axis], frame[axis]);
  const pixelOf = (plot, axis, value) =>
    place(plot, axis, between(value, plot.values[axis], plot.frame[axis]));

  // Moves an element from where svg.cpp drew it; a text goes along with the point it is pinned to.
  const move = (element, plot) => {
    const was = (element.was ??= Object.fromEntries(
      [...element.attributes].map(({name, value}) => [name, value]),
    ));
    const [pinX, pinY] = was['data-pin']?.split(',') ?? [];
    const shift = (axis, size, pin) => {
      const to = pixel => place(plot, axis, pixel);
      for (const name of [axis, `${axis}1`, `${axis}2`, `c${axis}`]) {
        const point = Number(pin ?? was[name]);
        if (name in was && pin !== '') element.setAttribute(name, to(point) + (was[name] - point));
      }
      if (size in was) element.setAttribute(size, to(+was[axis] + +was[size]) - to(+was[axis]));
    };
    shift('x', 'width', pinX);
    if (plot.values.y) shift('y', 'height', pinY);
    if (was.points) {
      const moved = pairs(was.points).map(([x, y]) => [place(plot, 'x', x), place(plot, 'y', y)]);
      element.setAttribute('points', moved.join(' '));
    }
    if (was['data-room']) {
      const room = place(plot, 'x', +was['data-room']) - place(plot, 'x', 0);
      const fits = element.getComputedTextLength() < room - 3 ? 'visible' : 'hidden';
      const whole = plot.part.x.join() === plot.frame.x.join();
      element.style.visibility = whole ? '' : fits;
    }
  };

  // Round ticks of what is to be seen, made of the first one that svg.cpp drew.
  const drawTicks = (plot, group) => {
    const {axis} = group.dataset,
      drawn = (group.was ??= [...group.children]);
    if (plot.part[axis].join() === plot.frame[axis].join()) return group.replaceChildren(...drawn);
    const valueOf = pixel => between(pixel, plot.frame[axis], plot.values[axis]);
    const [low, high] = plot.part[axis].map(valueOf).sort((a, b) => a - b);
    const size = (high - low) / (drawn.length / 2),
      power = 10 ** Math.floor(Math.log10(size));
    const step = power * [1, 2, 2.5, 5, 10].find(factor => factor * power >= 0.999 * size);
    const digits = shown(step).split('.')[1]?.length ?? 0;
    group.replaceChildren();
    for (let k = Math.ceil(low / step - 1e-6); k * step <= high + 1e-6 * step; ++k) {
      const [line, text] = drawn.slice(0, 2).map(one => one.cloneNode(true));
      const shift = pixelOf(plot, axis, k * step) - line.getAttribute(`${axis}1`);
      for (const [one, name] of [[line, `${axis}1`], [line, `${axis}2`], [text, axis]])
        one.setAttribute(name, +one.getAttribute(name) + shift);
      text.textContent = (k * step).toFixed(digits);
      group.append(line, text);
    }
  };

  const redraw = plot => {
    for (const element of all(plot.marks, '*')) move(element, plot);
    for (const group of plot.ticks) drawTicks(plot, group);
    plot.node.classList.toggle('zoomed', JSON.stringify(plot.part) !== JSON.stringify(plot.frame));
  };
  // Fills the frame with what is between two of its pixels; so do other plots of the picture with
  // the same x.
  const zoom = (plots, plot, axis, sides) => {
    const part = sides.map(side =>
      clamp(between(side, plot.frame[axis], plot.part[axis]), plot.frame[axis]),
    );
    if (part[1] - part[0] < (plot.frame[axis][1] - plot.frame[axis][0]) / 1000) return;
    for (const one of plots) {
      const follows = axis === 'x' && one.node.dataset.x === plot.node.dataset.x;
      if (one !== plot && !follows) continue;
      one.part[axis] = part;
      redraw(one);
    }
  };

  // --- What there is to tell ---

  const tip = html('div', 'tip');
  tip.setAttribute('role', 'status');
  tip.hidden = true;
  document.body.append(tip);
  const swatch = of => {
    const colour = of?.classList.value.match(/\b[ck]\d\b/);
    return colour ? [html('i', `swatch solid ${colour}`)] : [];
  };

  // Of each curve what it has at this x, or else nearest to it.
  const tellCurves = ({node}, curves, value) => [
    `${node.dataset.name} ${shown(value)}`,
    curves.map(([element, points]) => {
      const far = ([x]) => Math.abs(x - value);
      const near = points.reduce((a, b) => (far(b) < far(a) ? b : a));
      const where = near[0] === value ? '' : ` (at ${shown(near[0])})`;
      return [element.dataset.name, shown(near[1], node.dataset.unit) + where, element];
    }),
  ];
  // What is to be seen and has something to tell: marks with a hint, and the places of curves.
  const spotsOf = ({plots, hints}) => {
    const visible = mark => !mark.matches('.off');
    const marks = hints.filter(([mark]) => visible(mark)).flatMap(([mark, title, facts]) => {
      const box = mark.getBBox(),
        plot = plots.find(({node}) => node.contains(mark));
      const [left, right] = [box.x, box.x + box.width].map(x =>
        plot ? clamp(x, plot.frame.x) : x,
      );
      const y = box.y + box.height / 2,
        spot = {x: (left + right) / 2, y, w: right - left, h: box.height};
      const gone = plot && (!holds(plot, spot, 0.1) || (spot.w === 0 && box.width > 0));
      return gone ? [] : [{...spot, mark, tell: () => [title, facts, mark]}];
    });
    const places = plots.flatMap(plot => {
      const curves = plot.curves.filter(([element]) => visible(element));
      const values = new Set(curves.flatMap(([, points]) => points.map(([x]) => x)));
      const at = value => {
        const x = pixelOf(plot, 'x', value);
        const tell = () => tellCurves(plot, curves, value);
        return {x, y: plot.frame.y[0], w: 0, h: Infinity, plot, tell};
      };
      return [...values].sort((a, b) => a - b).map(at).filter(spot => holds(plot, spot, 1));
    });
    return [...marks, ...places];
  };
  // The spot next to the pointer; of several there the narrowest one.
  const nearest = (picture, {x, y}) => {
    const beyond = (away, size) => Math.max(0, Math.abs(away) - size / 2);
    const spots = spotsOf(picture)
      .filter(({plot}) => !plot || holds(plot, {x, y}, 8))
      .map(one => ({...one, away: Math.hypot(beyond(x - one.x, one.w), beyond(y - one.y, one.h))}))
      .sort((a, b) => a.away - b.away || a.w - b.w);
    return spots[0]?.away < 40 ? spots[0] : undefined;
  };

  const hide = () => {
    tip.hidden = true;
    all(document, '.near').forEach(mark => mark.classList.remove('near'));
    all(document, '.cursor').forEach(line => line.remove());
  };
  const tell = (picture, spot) => {
    hide();
    if (!spot) return;
    const [title, facts, mark] = spot.tell();
    const rows = facts.map(([name, value, of]) =>
      html('div', '', '', html('span', '', '', ...swatch(of), name), html('span', '', value)),
    );
    tip.replaceChildren(html('b', '', '', ...swatch(mark), title), ...rows);
    tip.hidden = false;
    spot.mark?.classList.add('near');
    const [y1, y2] = spot.plot?.frame.y ?? [];
    spot.plot?.node.append(svgElement('line', {class: 'cursor', x1: spot.x, x2: spot.x, y1, y2}));
    const {x, y} = new DOMPoint(spot.x, spot.y).matrixTransform(picture.svg.getScreenCTM());
    const {width, height} = tip.getBoundingClientRect();
    const left = x + 16 + width < innerWidth ? x + 16 : x - 16 - width;
    tip.style.left = `${clamp(left, [4, Math.max(4, innerWidth - width - 4)])}px`;
    tip.style.top = `${clamp(y - height - 12, [4, Math.max(4, innerHeight - height - 4)])}px`;
  };

  // --- What the reader does ---

  const listen = (picture, zoomed) => {
    const {svg, plots} = picture;
    const on = (type, act) => svg.addEventListener(type, act, {passive: false});
    const pointOf = event =>
      new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
    const plotAt = (point, room) =>
      plots.find(plot => plot.ticks.length > 0 && holds(plot, point, room));
    let drag = null, // {plot, from, box, sides}
      stop = -1; // of the arrow keys

    on('pointerdown', event => {
      const from = pointOf(event),
        plot = event.pointerType === 'mouse' && event.button === 0 && plotAt(from, 0);
      drag = plot ? {plot, from} : null;
    });
    on('pointermove', event => {
      if (event.pointerType !== 'mouse') return;
      const to = pointOf(event);
      if (event.buttons !== 1) drag = drag?.box?.remove(); // let go outside of the picture
      if (!drag) return tell(picture, nearest(picture, to));
      const {plot, from} = drag;
      // An axis along which the drag is short stays as it is.
      drag.sides = axesOf(plot)
        .map(axis => [axis, [from[axis], clamp(to[axis], plot.frame[axis])].sort((a, b) => a - b)])
        .filter(([, [low, high]]) => high - low >= 8);
      drag.box?.remove();
      if (drag.sides.length === 0) return;
      hide();
      svg.setPointerCapture(event.pointerId);
      const {x, y} = {...plot.frame, ...Object.fromEntries(drag.sides)};
      const size = {width: x[1] - x[0], height: y[1] - y[0]};
      drag.box = svgElement('rect', {class: 'drag', x: x[0], y: y[0], ...size});
      svg.append(drag.box);
    });
    on('pointerup', () => {
      drag?.box?.remove();
      drag?.sides?.forEach(([axis, sides]) => zoom(plots, drag.plot, axis, sides));
      drag = null;
      zoomed();
    });
    on('click', event => tell(picture, nearest(picture, pointOf(event))));
    on('pointerleave', event => event.pointerType === 'mouse' && hide());
    on('wheel', event => {
      const point = pointOf(event),
        plot = plotAt(point, 0) ?? plotAt(point, 40);
      const under = point.y > plot?.frame.y[1] ? 'x' : 'y';
      if (!plot) return;
      const axes = axesOf(plot).filter(axis =>
        holds(plot, point) ? event.ctrlKey : axis === under,
      );
      if (axes.length === 0) return;
      event.preventDefault();
      const factor = Math.exp(clamp(event.deltaY, [-100, 100]) / 300);
      for (const axis of axes) {
        const around = clamp(point[axis], plot.frame[axis]);
        zoom(plots, plot, axis, plot.frame[axis].map(side => around + factor * (side - around)));
      }
      zoomed();
    });
    on('keydown', event => {
      const step = {ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1}[event.key];
      if (event.key === 'Escape') hide();
      if (!step) return;
      event.preventDefault();
      const spots = spotsOf(picture);
      stop = clamp(stop + step, [0, spots.length - 1]);
      tell(picture, spots[stop]);
    });
    on('blur', hide);
  };

  // The picture as a file, with the page's style.
  const save = svg => {
    const copy = svg.cloneNode(true),
      style = svgElement('style', {});
    style.textContent = document.querySelector('style').textContent;
    copy.style.background = 'var(--paper)';
    copy.prepend(style);
    const file = new Blob([new XMLSerializer().serializeToString(copy)], {type: 'image/svg+xml'});
    const link = html('a', '');
    link.href = URL.createObjectURL(file);
    link.download = `${svg.getAttribute('aria-label')}.svg`;
    link.click();
  };

  const pictureOf = svg => {
    // Out of the elements, as a browser's own tooltip would stand beside ours.
    const hints = all(svg, 'title').map(title => {
      const mark = title.parentNode,
        [head, ...facts] = title.textContent.split('\n');
      title.remove();
      return [mark, head, facts.map(fact => fact.split(/: (.*)/).slice(0, 2))];
    });
    return {svg, plots: all(svg, '.plot').map(plotOf), hints};
  };

  for (const figure of all(document, 'figure')) {
    const pictures = all(figure, 'svg.still').map(pictureOf);
    const whole = html('button', '', 'Show everything'),
      file = html('button', '', 'Save as SVG');
    const zoomed = () => (whole.hidden = !figure.querySelector('.zoomed'));
    const reset = () => {
      for (const plot of pictures.flatMap(({plots}) => plots)) {
        plot.part = {...plot.frame};
        if (plot.node.matches('.zoomed')) redraw(plot);
      }
      hide();
      zoomed();
    };
    zoomed();
    figure.querySelector('figcaption').before(html('div', 'tools', '', whole, file));
    whole.onclick = reset;
    file.onclick = () => save(pictures.find(({svg}) => svg.getClientRects().length > 0).svg);
    for (const picture of pictures) {
      picture.svg.tabIndex = 0;
      picture.svg.addEventListener('dblclick', reset);
      listen(picture, zoomed);
    }

    const entries = all(figure, '.legend button');
    const show = (entry, on) => {
      entry.setAttribute('aria-pressed', on);
      for (const one of all(figure, '[data-series]'))
        if (one.dataset.series === entry.dataset.series) one.classList.toggle('off', !on);
    };
    for (const entry of entries) {
      entry.disabled = false;
      entry.onclick = () => show(entry, entry.matches('.off'));
    }
    addEventListener('beforeprint', () => {
      reset();
      entries.forEach(entry => show(entry, true));
    });
  }
  addEventListener('scroll', hide, {passive: true});
  addEventListener('click', event => event.target.closest('svg.still') || hide());
}
