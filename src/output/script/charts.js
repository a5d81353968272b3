// What the report's drawings share. A drawing is a function of the page's JSON and of its place
// (`width` in pixels, `of`: which one of its kind) that returns {height, option} for ECharts, or
// null where its figures are missing; the still picture then stays.
'use strict';
const vpunas = {};

// --- Figures, by the rules of src/output/figures.cpp ---

vpunas.list = value => (Array.isArray(value) ? value : []);
vpunas.number = value => (typeof value === 'number' && Math.abs(value) < 1e18 ? value : null);
vpunas.text = value => (typeof value === 'string' ? value : '');
vpunas.shown = (value, unit) => `${Number(value.toPrecision(6))}${unit ? '\u00a0' + unit : ''}`;

// {"ms":, "low_ms":, "high_ms":} as [value, low, high].
vpunas.latency = json => {
  const ms = vpunas.number(json?.ms);
  return ms === null
    ? null
    : [ms, vpunas.number(json.low_ms) ?? ms, vpunas.number(json.high_ms) ?? ms];
};
vpunas.interval = ([value, low, high], unit) =>
  vpunas.shown(value, unit) +
  (high > low ? ` (${vpunas.shown(low)}–${vpunas.shown(high, unit)})` : '');

// Networks with their colours, which follow their order (series_css in charts.cpp).
vpunas.networks = data =>
  vpunas.list(data.networks).map((network, i) => ({
    ...network,
    label: vpunas.text(network?.label),
    colour: 'c' + (i < 5 ? i : 1 + ((i - 1) % 4)),
  }));

vpunas.unit = data => vpunas.text(data.headline?.unit) || 'ms';

// --- Style ---

// A colour of the page's style by its name there; light and dark differ.
vpunas.colour = name =>
  getComputedStyle(document.documentElement)
    .getPropertyValue('--' + name)
    .trim();

vpunas.isNarrow = place => place.width < 600;

// A tooltip. Built as elements, so that no name in the figures is read as HTML. Rows:
// [colour or null, name, value].
vpunas.tip = (title, rows) => {
  const box = document.createElement('div');
  box.className = 'tip';
  const head = document.createElement('b');
  head.textContent = title;
  box.append(head);
  for (const [colour, name, value] of rows) {
    const row = document.createElement('div');
    const key = document.createElement('span');
    key.textContent = name;
    if (colour) {
      const swatch = document.createElement('i');
      swatch.className = 'swatch';
      swatch.style.background = vpunas.colour(colour);
      key.prepend(swatch);
    }
    const figure = document.createElement('span');
    figure.textContent = value;
    row.append(key, figure);
    box.append(row);
  }
  return box;
};

// Options of every chart. `zoom`: the axes that a drag, a pinch or Ctrl with the wheel zooms; a
// bare wheel scrolls the page.
vpunas.option = (place, {grid, legend, zoom, tooltip, ...rest}) => {
  const ink = vpunas.colour('ink'),
    soft = vpunas.colour('soft'),
    paper = vpunas.colour('paper');
  const inside = {
    type: 'inside',
    filterMode: 'none',
    zoomOnMouseWheel: 'ctrl',
    moveOnMouseWheel: false,
    preventDefaultMouseMove: false,
  };
  const feature = {saveAsImage: {title: 'Save as SVG', backgroundColor: paper}};
  if (zoom) {
    feature.dataZoom = {
      title: {zoom: 'Zoom: drag over a part', back: 'Undo zoom'},
      filterMode: 'none',
      ...zoom,
    };
    feature.restore = {title: 'Show everything'};
  }
  return {
    animation: false,
    aria: {enabled: true, label: {description: place.description}},
    textStyle: {fontFamily: getComputedStyle(document.body).fontFamily, color: ink},
    grid,
    legend: legend && {
      type: 'scroll',
      top: 0,
      left: 0,
      right: 96,
      itemWidth: 14,
      itemHeight: 10,
      itemGap: 16,
      padding: 0,
      icon: 'roundRect',
      textStyle: {color: ink, fontSize: 13},
      pageTextStyle: {color: soft},
      pageIconColor: soft,
      pageIconInactiveColor: vpunas.colour('line'),
      inactiveColor: soft,
      ...legend,
    },
    toolbox: {
      top: -4,
      right: 0,
      itemSize: 15,
      itemGap: 9,
      feature,
      iconStyle: {borderColor: soft},
      emphasis: {
        iconStyle: {borderColor: vpunas.colour('c0'), textPosition: 'left', textFill: ink},
      },
    },
    dataZoom: zoom
      ? Object.entries(zoom).map(([axis, index]) => ({...inside, [axis]: index}))
      : undefined,
    tooltip: {
      confine: true,
      backgroundColor: vpunas.colour('card'),
      borderColor: vpunas.colour('line'),
      padding: [8, 12],
      textStyle: {color: ink, fontSize: 13},
      axisPointer: {lineStyle: {color: soft}, label: {show: false}},
      ...tooltip,
    },
    ...rest,
  };
};

// A value axis; `what` is its meaning and unit.
vpunas.axis = (what, direction, more = {}) => {
  const soft = vpunas.colour('soft');
  const place =
    direction === 'x'
      ? {
          nameLocation: 'end',
          nameGap: 0,
          nameTextStyle: {
            color: soft,
            align: 'right',
            verticalAlign: 'top',
            padding: [24, 0, 0, 0],
          },
        }
      : {
          nameLocation: 'end',
          nameGap: 12,
          nameTextStyle: {color: soft, align: 'left', padding: [0, 0, 0, -30]},
        };
  return {
    type: 'value',
    name: what,
    scale: true,
    ...place,
    axisLine: {show: direction === 'x', lineStyle: {color: vpunas.colour('line')}},
    axisTick: {show: direction === 'x', lineStyle: {color: vpunas.colour('line')}},
    // An end of the data is no round number.
    axisLabel: {
      color: soft,
      fontSize: 11,
      hideOverlap: true,
      formatter: value => vpunas.shown(Number(value.toPrecision(4))),
    },
    splitLine: {show: direction === 'y', lineStyle: {color: vpunas.colour('grid')}},
    ...more,
  };
};

// Round ends around the values, for axes that must agree.
vpunas.range = (values, ticks) => {
  const low = Math.min(...values),
    high = Math.max(...values),
    size = (high - low || Math.abs(high) || 1) / ticks;
  const magnitude = 10 ** Math.floor(Math.log10(size));
  const step = magnitude * [1, 2, 2.5, 5, 10].find(factor => factor * magnitude >= size * 0.999);
  return {min: Math.floor(low / step) * step, max: Math.ceil(high / step) * step, interval: step};
};

// --- Lines over steps, the commonest chart ---

// series: [{name, colour, points: [[x, y, more...]]}]; `told(point)`: its text in the tooltip.
vpunas.lines = (
  place,
  {series, x, y, unit = '', zero = false, step = false, reference = null, told},
) => {
  const filled = series.filter(one => one.points.length > 0);
  if (filled.length === 0) return null;
  const named = filled.length > 1;
  told ??= point => vpunas.shown(point[1], unit);
  const option = vpunas.option(place, {
    grid: {
      left: 8,
      right: 14,
      top: named ? 58 : 38,
      bottom: 30,
      outerBoundsMode: 'same',
      outerBoundsContain: 'axisLabel',
    },
    legend: named ? {data: filled.map(one => one.name)} : undefined,
    zoom: {xAxisIndex: [0]},
    tooltip: {
      trigger: 'axis',
      formatter: params =>
        vpunas.tip(
          `${x} ${vpunas.shown(vpunas.list(params)[0].value[0])}`,
          params.map(one => [filled[one.seriesIndex].colour, one.seriesName, told(one.value)]),
        ),
    },
    xAxis: vpunas.axis(x, 'x', {
      min: 'dataMin',
      max: 'dataMax',
      axisPointer: {show: true, snap: true},
    }),
    yAxis: vpunas.axis(y, 'y', {scale: !zero}),
    series: filled.map((one, i) => ({
      type: 'line',
      name: one.name,
      data: one.points,
      color: vpunas.colour(one.colour),
      step: step ? 'end' : false,
      showSymbol: false,
      symbolSize: 7,
      lineStyle: {width: one.points.length > 150 ? 1.4 : 2},
      markLine:
        i === 0 && reference
          ? vpunas.reference({yAxis: reference.value}, reference.name)
          : undefined,
    })),
  });
  if (reference) {
    // the axis must reach it, although no point may
    const values = filled.flatMap(one => one.points.map(point => point[1]));
    Object.assign(
      option.yAxis,
      vpunas.range([...values, reference.value, ...(zero ? [0] : [])], 5),
    );
  }
  return {height: named ? 320 : 290, option};
};

// The points of an array whose members x and y are figures.
vpunas.curve = (array, x, y, factor = 1) =>
  vpunas
    .list(array)
    .map(point => [vpunas.number(point?.[x]), vpunas.number(point?.[y])])
    .filter(([px, py]) => px !== null && py !== null)
    .map(([px, py]) => [px, factor * py]);

// --- Rows: boxes and bars ---

// Rows from the top down, by name.
vpunas.namesAxis = (names, {axisLabel, ...rest} = {}) => ({
  type: 'category',
  inverse: true,
  data: names,
  axisLine: {show: false},
  axisTick: {show: false},
  axisLabel: {color: vpunas.colour('ink'), ...axisLabel},
  ...rest,
});

// A row's name over its boxes instead of beside them, where a telephone has no room.
vpunas.rowAxis = (names, above) =>
  vpunas.namesAxis(names, {
    axisLabel: {
      inside: true,
      margin: 0,
      align: 'left',
      verticalAlign: 'bottom',
      padding: [0, 0, above, 0],
      fontSize: 13,
      fontWeight: 600,
      interval: 0,
    },
    z: 10,
  });

// Time from 0 to `max`, under rows.
vpunas.timeAxis = (name, max) =>
  vpunas.axis(name, 'x', {
    min: 0,
    max,
    splitLine: {show: true, lineStyle: {color: vpunas.colour('grid')}},
    axisLabel: {
      color: vpunas.colour('soft'),
      fontSize: 11,
      hideOverlap: true,
      showMaxLabel: false,
    },
  });

// Bars by category, one colour a series: {names, series: [{name, colour, ms: [...]}]}.
vpunas.bars = (place, {names, series, stacked, height}) => ({
  height,
  option: vpunas.option(place, {
    grid: {
      left: 8,
      right: stacked ? 14 : 64,
      top: 32,
      bottom: 40,
      outerBoundsMode: 'same',
      outerBoundsContain: 'axisLabel',
    },
    legend: {data: series.map(one => one.name)},
    tooltip: {
      trigger: 'axis',
      axisPointer: {type: 'shadow', shadowStyle: {color: vpunas.colour('grid'), opacity: 0.5}},
      formatter: params =>
        vpunas.tip(names[params[0].dataIndex], [
          ...params.map(one => [
            series[one.seriesIndex].colour,
            one.seriesName,
            vpunas.shown(one.value, 'ms'),
          ]),
          ...(stacked
            ? [
                [
                  null,
                  'together',
                  vpunas.shown(
                    params.reduce((sum, one) => sum + one.value, 0),
                    'ms',
                  ),
                ],
              ]
            : []),
        ]),
    },
    xAxis: vpunas.axis('predicted ms', 'x', {
      scale: false,
      splitLine: {show: true, lineStyle: {color: vpunas.colour('grid')}},
    }),
    yAxis: vpunas.namesAxis(names, {axisLabel: {fontSize: 12}}),
    series: series.map(one => ({
      type: 'bar',
      name: one.name,
      data: one.ms,
      color: vpunas.colour(one.colour),
      stack: stacked ? 'all' : undefined,
      barMaxWidth: stacked ? 34 : 13,
      barGap: '15%',
      label: {
        show: !stacked,
        position: 'right',
        color: vpunas.colour('soft'),
        fontSize: 11,
        formatter: ({value}) => vpunas.shown(Number(value.toPrecision(3)), 'ms'),
      },
    })),
  }),
});
