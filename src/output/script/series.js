// Series of kinds that ECharts does not have ready, and lines across a chart.
'use strict';

// A dashed line across the chart, as a budget: at {xAxis: value} or {yAxis: value}.
vpunas.reference = (at, name, label = {}) => ({
  silent: true,
  symbol: 'none',
  animation: false,
  lineStyle: {color: vpunas.colour('bad'), type: [5, 4], width: 1.2},
  data: [
    {
      ...at,
      label: {
        show: true,
        formatter: name,
        color: vpunas.colour('bad'),
        fontSize: 12,
        position: 'insideEndTop',
        distance: 4,
        textBorderColor: vpunas.colour('paper'),
        textBorderWidth: 3,
        ...label,
      },
    },
  ],
});

// The reference as a series of its own, for charts of boxes and bars.
vpunas.referenceSeries = (at, name, label) => ({
  type: 'scatter',
  data: [],
  silent: true,
  markLine: vpunas.reference(at, name, label),
});

// Points with 90 or 95 % intervals: whiskers and dot of each [x, y, x low, x high, y low, y high].
// `offset` moves them down, in pixels, to stand beside others in one row; `written` is a text
// behind the right end.
vpunas.intervals = ({
  name,
  colour,
  items,
  hollow = false,
  offset = 0,
  radius = 6,
  clip = true,
  ...rest
}) => {
  const line = vpunas.colour(colour),
    paper = vpunas.colour('paper');
  return {
    type: 'custom',
    name,
    itemStyle: {color: line},
    clip,
    encode: {x: [0, 2, 3], y: [1, 4, 5]},
    data: items.map(item => ({...item, value: item.value})),
    renderItem: (params, api) => {
      const [x, y] = api.coord([api.value(0), api.value(1)]);
      const [left] = api.coord([api.value(2), api.value(1)]),
        [right] = api.coord([api.value(3), api.value(1)]);
      const low = api.coord([api.value(0), api.value(4)])[1],
        high = api.coord([api.value(0), api.value(5)])[1];
      const style = {stroke: line, lineWidth: 1.5, opacity: 0.7};
      const whisker = (x1, y1, x2, y2) => ({
        type: 'line',
        shape: {x1, y1: y1 + offset, x2, y2: y2 + offset},
        style,
      });
      const children = [];
      if (right > left)
        children.push(
          whisker(left, y, right, y),
          whisker(left, y - 4, left, y + 4),
          whisker(right, y - 4, right, y + 4),
        );
      if (low > high)
        children.push(
          whisker(x, low, x, high),
          whisker(x - 4, low, x + 4, low),
          whisker(x - 4, high, x + 4, high),
        );
      children.push({
        type: 'circle',
        shape: {cx: x, cy: y + offset, r: radius},
        style: hollow
          ? {fill: paper, stroke: line, lineWidth: 2}
          : {fill: line, stroke: paper, lineWidth: 1.5},
      });
      const written = items[params.dataIndex]?.written;
      if (written) {
        children.push({
          type: 'text',
          style: {
            text: written,
            x: Math.max(x, right) + 10,
            y: y + offset,
            verticalAlign: 'middle',
            fontSize: 12,
            fill: vpunas.colour('ink'),
          },
        });
      }
      return {type: 'group', children};
    },
    ...rest,
  };
};

// Brackets under boxes, [begin, end, row] with a word each, `below` pixels under the row's middle.
vpunas.brackets = (items, below) => {
  const line = vpunas.colour('line'),
    soft = vpunas.colour('soft');
  return {
    type: 'custom',
    silent: true,
    clip: true,
    encode: {x: [0, 1], y: 2},
    data: items,
    tooltip: {show: false},
    renderItem: (params, api) => {
      const [x1, y] = api.coord([api.value(0), api.value(2)]),
        [x2] = api.coord([api.value(1), api.value(2)]),
        word = items[params.dataIndex].word;
      if (!word || x2 - x1 < 6) return null;
      const children = [
        {
          type: 'line',
          shape: {x1: x1 + 1, x2: x2 - 1, y1: y + below, y2: y + below},
          style: {stroke: line},
        },
      ];
      if (word.length * 6.4 < x2 - x1) {
        children.push({
          type: 'text',
          style: {
            text: word,
            x: (x1 + x2) / 2,
            y: y + below + 4,
            align: 'center',
            verticalAlign: 'top',
            fontSize: 11,
            fill: soft,
          },
        });
      }
      return {type: 'group', children};
    },
  };
};

// Boxes [begin, end, row] as wide as what they cost, `height` pixels high; texts in those that have
// the room.
vpunas.boxes = ({name, colour, items, height, ...rest}) => {
  const fill = vpunas.colour(colour),
    ink = vpunas.colour('ink');
  return {
    type: 'custom',
    name,
    itemStyle: {color: fill},
    clip: true,
    encode: {x: [0, 1], y: 2},
    data: items,
    renderItem: (params, api) => {
      const [x1, y] = api.coord([api.value(0), api.value(2)]),
        [x2] = api.coord([api.value(1), api.value(2)]);
      const item = items[params.dataIndex],
        width = Math.max(0.6, x2 - x1 - (x2 - x1 > 4 ? 1 : 0));
      const box = {x: x1, y: y - height / 2, width, height};
      const children = [
        {
          type: 'rect',
          shape: box,
          style: {fill, opacity: item?.faint ? 0.35 : 0.8},
          emphasis: {style: {stroke: ink, lineWidth: 1.5}},
        },
      ];
      const words = vpunas.list(item?.words).filter(word => word && word.length * 6.4 < width - 4);
      words.forEach((word, i) =>
        children.push({
          type: 'text',
          silent: true,
          style: {
            text: word,
            x: x1 + width / 2,
            y: y + 15 * (i - (words.length - 1) / 2),
            align: 'center',
            verticalAlign: 'middle',
            fontSize: 11,
            fill: ink,
          },
        }),
      );
      return {type: 'group', children};
    },
    ...rest,
  };
};
