// Drawings of how it went: the search's choices, its curves, training.
'use strict';

// --- Choices ---

vpunas.candidateName = (search, slot, candidate) =>
  vpunas.text(search.candidate_names?.[slot]?.[candidate]) || `candidate ${candidate}`;

// As networks number their blocks, "input" for a first slot of sizes of the input.
vpunas.slotName = (search, slot) => {
  const before = vpunas.candidateName(search, 0, 0).startsWith('input ') ? 1 : 0;
  return slot < before ? 'input' : String(slot + 1 - before);
};
vpunas.slotTitle = (search, slot) => {
  const name = vpunas.slotName(search, slot);
  return name === 'input' ? name : `slot ${name}`;
};

vpunas.drawProbabilities = (data, place) => {
  const search = data.search ?? {},
    rows = vpunas.list(search.probability);
  const columns = Math.max(0, ...rows.map(row => vpunas.list(row).length));
  if (columns === 0) return null;
  const chosen = vpunas.list(search.chosen);
  const wide = !vpunas.isNarrow(place) && chosen.length === rows.length;
  const items = rows.flatMap((row, i) =>
    vpunas.list(row).map((share, j) => ({
      value: [j, i, vpunas.number(share) ?? 0],
      chosen: vpunas.list(search.choice)[i] === j,
    })),
  );
  const heat = vpunas.colour('c0'),
    empty = vpunas.colour('grid'),
    frame = vpunas.colour('c1'),
    dark = vpunas.colour('card'),
    ink = vpunas.colour('ink');
  const plain = {
    axisLine: {show: false},
    axisTick: {show: false},
    axisLabel: {color: vpunas.colour('soft'), fontSize: 11},
    splitLine: {show: false},
  };
  return {
    height: 50 + 22 * rows.length,
    option: vpunas.option(place, {
      grid: {left: 38, right: wide ? 260 : 4, top: 40, bottom: 8},
      tooltip: {
        formatter: ({data: item}) =>
          vpunas.tip(vpunas.slotTitle(search, item.value[1]), [
            [
              null,
              vpunas.candidateName(search, item.value[1], item.value[0]),
              vpunas.shown(100 * item.value[2], '%'),
            ],
            ...(item.chosen ? [[null, '', 'chosen']] : []),
          ]),
      },
      xAxis: {
        type: 'category',
        position: 'top',
        data: Array.from({length: columns}, (_, j) => String(j)),
        name: 'candidate',
        nameLocation: 'start',
        nameGap: 8,
        nameTextStyle: {
          color: vpunas.colour('soft'),
          align: 'left',
          verticalAlign: 'bottom',
          padding: [0, 0, 16, -22],
        },
        ...plain,
      },
      yAxis: [
        {type: 'category', inverse: true, data: rows.map((_, i) => vpunas.slotName(search, i)), ...plain},
        ...(wide
          ? [
              {
                type: 'category',
                inverse: true,
                position: 'right',
                data: chosen.map(vpunas.text),
                ...plain,
              },
            ]
          : []),
      ],
      series: [
        {
          type: 'custom',
          name: 'probability',
          encode: {x: 0, y: 1},
          data: items,
          renderItem: (params, api) => {
            const [x, y] = api.coord([api.value(0), api.value(1)]),
              [w, h] = api.size([1, 1]),
              share = Math.min(1, Math.max(0, api.value(2)));
            const box = {x: x - w / 2 + 1, y: y - h / 2 + 1, width: w - 2, height: h - 2};
            const children = [
              {type: 'rect', shape: box, style: {fill: empty}},
              {
                type: 'rect',
                shape: box,
                style: {fill: heat, opacity: share},
                emphasis: {style: {stroke: ink}},
              },
            ];
            if (w >= 24 && share >= 0.095) {
              children.push({
                type: 'text',
                silent: true,
                style: {
                  text: (100 * share).toFixed(0),
                  x,
                  y,
                  align: 'center',
                  verticalAlign: 'middle',
                  fontSize: 11,
                  fill: share > 0.55 ? dark : ink,
                },
              });
            }
            if (items[params.dataIndex].chosen)
              children.push({
                type: 'rect',
                silent: true,
                shape: box,
                style: {fill: 'none', stroke: frame, lineWidth: 2},
              });
            return {type: 'group', children};
          },
        },
        ...(wide ? [{type: 'custom', yAxisIndex: 1, data: [], renderItem: () => null}] : []),
      ],
    }),
  };
};

// A small plot a slot: its candidates' probabilities, stacked, over the steps of the search.
vpunas.candidateColours = ['k0', 'k1', 'k2', 'k3', 'k4', 'k5', 'c0', 'c1', 'c2', 'c3'];

vpunas.drawChoices = (data, place) => {
  const search = data.search ?? {},
    history = vpunas
      .list(search.probability_history)
      .filter(one => Array.isArray(one?.probability));
  if (history.length < 2) return null;
  const slots = Math.min(...history.map(one => one.probability.length));
  const columns = vpunas.isNarrow(place) ? 2 : place.width < 850 ? 3 : 4,
    rows = Math.ceil(slots / columns);
  const gap = 22,
    left = 6,
    width = (place.width - 2 * left - gap * (columns - 1)) / columns,
    height = 92,
    top = 54,
    row = height + 46;
  const soft = vpunas.colour('soft'),
    options = {title: [], grid: [], xAxis: [], yAxis: [], series: []};
  let most = 0;
  for (let slot = 0; slot < slots; ++slot) {
    const x = left + (slot % columns) * (width + gap),
      y = top + Math.floor(slot / columns) * row;
    options.title.push({
      text: vpunas.slotTitle(search, slot),
      left: x - 5,
      top: y - 22,
      textStyle: {fontSize: 12, fontWeight: 400, color: soft},
    });
    options.grid.push({left: x, top: y, width, height});
    options.xAxis.push({
      // Steps as categories: of two value axes the areas would be stacked along the wrong one.
      type: 'category',
      gridIndex: slot,
      data: history.map(one => String(one.step)),
      boundaryGap: false,
      axisTick: {show: false},
      axisLine: {lineStyle: {color: vpunas.colour('line')}},
      axisLabel: {
        color: soft,
        fontSize: 10,
        margin: 5,
        interval: 0,
        formatter: (step, i) => (i === 0 || i === history.length - 1 ? step : ''),
        alignMinLabel: 'left',
        alignMaxLabel: 'right',
      },
      axisPointer: {show: true, snap: true, label: {show: false}, lineStyle: {color: soft}},
    });
    options.yAxis.push({type: 'value', gridIndex: slot, min: 0, max: 100, show: false});
    const candidates = vpunas.list(history[0].probability[slot]).length;
    most = Math.max(most, candidates);
    for (let j = 0; j < candidates; ++j) {
      options.series.push({
        type: 'line',
        name: `candidate ${j}`,
        slot,
        xAxisIndex: slot,
        yAxisIndex: slot,
        stack: `slot ${slot}`,
        showSymbol: false,
        lineStyle: {width: 0},
        areaStyle: {opacity: 0.85},
        color: vpunas.colour(vpunas.candidateColours[j % 10]),
        emphasis: {disabled: true},
        data: history.map(one => 100 * (vpunas.number(one.probability[slot]?.[j]) ?? 0)),
      });
    }
  }
  const seriesSlot = options.series.map(one => one.slot);
  options.series.forEach(one => delete one.slot);
  return {
    height: top + rows * row - 14,
    option: vpunas.option(place, {
      ...options,
      legend: {data: Array.from({length: most}, (_, j) => `candidate ${j}`)},
      tooltip: {
        trigger: 'axis',
        formatter: params => {
          const slot = seriesSlot[params[0].seriesIndex];
          return vpunas.tip(
            `${vpunas.slotTitle(search, slot)}, step ${params[0].name}`,
            params.map(one => {
              const j = Number(one.seriesName.split(' ')[1]);
              return [
                vpunas.candidateColours[j % 10],
                vpunas.candidateName(search, slot, j),
                vpunas.shown(one.value, '%'),
              ];
            }),
          );
        },
      },
    }),
  };
};

// --- Curves ---

vpunas.drawSearchCurve = (data, place) => {
  const unit = vpunas.unit(data),
    budget = vpunas.number(data.search?.budget_ms);
  const curve = {
    entropy: {y: 'entropy of the choice', zero: true},
    expected_ms: {
      y: `expected latency, ${unit}`,
      unit,
      reference:
        budget === null
          ? null
          : {value: budget, name: `budget ${vpunas.shown(Number(budget.toPrecision(3)), unit)}`},
    },
    loss: {y: 'loss on held-out images'},
    mu: {y: unit === 'ms' ? 'price of a millisecond, μ' : 'price of a million MACs, μ'},
  }[place.of];
  if (!curve) return null;
  return vpunas.lines(place, {
    ...curve,
    x: 'architecture step',
    series: [
      {name: curve.y, colour: 'c0', points: vpunas.curve(data.search?.history, 'step', place.of)},
    ],
  });
};

vpunas.drawTraining = (data, place) => {
  const accuracy = place.of === 'validation_accuracy';
  return vpunas.lines(place, {
    x: 'epoch',
    y: accuracy ? 'accuracy on held-out training images, %' : 'training loss',
    unit: accuracy ? '%' : '',
    series: vpunas.networks(data).map(network => ({
      name: network.label,
      colour: network.colour,
      points: vpunas.curve(network.train?.curve, 'epoch', place.of, accuracy ? 100 : 1),
    })),
  });
};
