// Drawings of what came out: accuracy against latency, measurements on devices.
'use strict';

// --- Accuracy and latency ---

vpunas.trained = data =>
  vpunas.networks(data).flatMap(network => {
    const ms = vpunas.latency(network.predicted),
      share = vpunas.number(network.train?.test_accuracy);
    if (ms === null || share === null) return [];
    const low = vpunas.number(network.test_interval?.low) ?? share,
      high = vpunas.number(network.test_interval?.high) ?? share;
    return [
      {
        name: network.label,
        colour: network.colour,
        ms,
        accuracy: [100 * share, 100 * low, 100 * high],
      },
    ];
  });

// Candidates and front by what they reach with inherited weights.
vpunas.inherited = list =>
  vpunas.list(list).flatMap(one => {
    const ms = vpunas.latency(one),
      accuracy = vpunas.number(one?.accuracy);
    return ms === null || accuracy === null
      ? []
      : [{...one, latency: ms, value: [ms[0], 100 * accuracy]}];
  });

vpunas.drawPlane = (data, place) => {
  const unit = vpunas.unit(data),
    narrow = vpunas.isNarrow(place),
    ink = vpunas.colour('ink'),
    paper = vpunas.colour('paper');
  const trained = vpunas.trained(data),
    candidates = vpunas.inherited(data.search?.shortlist),
    front = vpunas.inherited(data.search?.pareto_front);
  const lower = candidates.length + front.length > 0;
  if (trained.length === 0 && !lower) return null;
  const title = `predicted ${unit} per image`,
    top = trained.length > 0 ? 54 : -330;
  const budget = vpunas.number(data.headline?.budget_ms);
  const range = vpunas.range(
    [
      ...trained.flatMap(one => one.ms),
      ...candidates.map(one => one.value[0]),
      ...front.map(one => one.value[0]),
      ...front.map(one => vpunas.number(one.budget_ms)),
      budget,
    ]
      .filter(value => value !== null)
      .flatMap(value => [0.97 * value, 1.03 * value]),
    narrow ? 4 : 8,
  );
  const grids = [],
    xAxes = [],
    yAxes = [],
    series = [];
  const addGrid = (grid, y, named) => {
    grids.push({left: 44, right: 16, ...grid});
    xAxes.push(vpunas.axis(named ? title : '', 'x', {gridIndex: grids.length - 1, ...range}));
    yAxes.push(
      vpunas.axis(y, 'y', {gridIndex: grids.length - 1, splitNumber: grid.height > 200 ? 6 : 3}),
    );
    return {xAxisIndex: grids.length - 1, yAxisIndex: grids.length - 1};
  };
  const budgetLine =
    budget === null
      ? undefined
      : vpunas.reference(
          {xAxis: budget},
          `budget ${vpunas.shown(Number(budget.toPrecision(3)), unit)}`,
          {position: 'insideStartTop'},
        );
  if (trained.length > 0) {
    const on = addGrid({top, height: 300}, 'test accuracy after full training, %', !lower);
    trained.forEach((one, i) => {
      const [ms, msLow, msHigh] = one.ms,
        [accuracy, low, high] = one.accuracy;
      series.push(
        {
          ...on,
          ...vpunas.intervals({
            name: one.name,
            colour: one.colour,
            items: [{value: [ms, accuracy, msLow, msHigh, low, high]}],
            silent: true,
          }),
          markLine: i === 0 ? budgetLine : undefined,
        },
        {
          ...on,
          type: 'scatter',
          name: one.name,
          color: vpunas.colour(one.colour),
          symbolSize: 13,
          itemStyle: {borderColor: paper, borderWidth: 1.5},
          data: [
            {
              value: [ms, accuracy],
              told: [
                ['test accuracy', vpunas.interval(one.accuracy, '%')],
                ['predicted', vpunas.interval(one.ms, unit)],
              ],
            },
          ],
          label: {
            show: true,
            position: 'right',
            distance: 8,
            formatter: narrow ? one.name : `${one.name} ${accuracy.toFixed(1)} %`,
            color: vpunas.colour(one.colour),
            fontSize: 12,
            fontWeight: 600,
            textBorderColor: paper,
            textBorderWidth: 4,
          },
          labelLayout: ({labelRect, rect}) => ({
            moveOverlap: 'shiftY',
            hideOverlap: false,
            dy: -11, // above the whisker
            // Back over the point where the chart ends before the name does.
            ...(labelRect.x + labelRect.width > place.width - 8
              ? {x: rect.x - 6, align: 'right'}
              : {}),
          }),
        },
      );
    });
  }
  if (lower) {
    const on = addGrid(
      {top: top + 300 + 66, height: 150},
      narrow
        ? 'inherited weights, %'
        : 'candidates of the search: accuracy with inherited weights, %',
      true,
    );
    const chosen = JSON.stringify(data.search.choice);
    const point = (one, more) => ({
      value: one.value,
      told: [
        ['accuracy', vpunas.shown(one.value[1], '%')],
        ['predicted', vpunas.interval(one.latency, unit)],
        ...(vpunas.number(one.loss) === null ? [] : [['loss', vpunas.shown(one.loss)]]),
        ...more,
      ],
    });
    series.push({
      ...on,
      type: 'scatter',
      name: 'candidates',
      color: vpunas.colour('c4'),
      symbolSize: 9,
      data: candidates.map(one => {
        const taken = chosen !== undefined && JSON.stringify(one.choice) === chosen;
        return {
          ...point(one, taken ? [['', 'chosen']] : []),
          itemStyle: {color: vpunas.colour(taken ? 'c0' : 'c4'), opacity: taken ? 1 : 0.5},
          symbolSize: taken ? 12 : 9,
        };
      }),
      markLine:
        trained.length > 0
          ? budgetLine && {
              ...budgetLine,
              label: {show: false},
              data: [{xAxis: budget, label: {show: false}}],
            }
          : budgetLine,
    });
    if (front.length > 0) {
      series.push({
        ...on,
        type: 'line',
        name: 'front',
        color: vpunas.colour('c3'),
        symbol: 'diamond',
        symbolSize: 11,
        showAllSymbol: true,
        lineStyle: {width: 1.4},
        data: [...front]
          .sort((a, b) => a.value[0] - b.value[0])
          .map(one => ({
            ...point(one, [
              ['budget', vpunas.shown(vpunas.number(one.budget_ms) ?? 0, unit)],
              ...(one.dominated ? [['', 'dominated by another one']] : []),
            ]),
            name: vpunas.text(one.architecture),
          })),
        label: {
          show: true,
          position: 'top',
          formatter: '{b}',
          color: vpunas.colour('c3'),
          fontSize: 12,
          textBorderColor: paper,
          textBorderWidth: 3,
        },
        markLine: {
          silent: true,
          symbol: 'none',
          label: {show: false},
          lineStyle: {color: vpunas.colour('c3'), type: [2, 4], width: 1},
          data: front
            .map(one => ({xAxis: vpunas.number(one.budget_ms)}))
            .filter(line => line.xAxis !== null && line.xAxis !== budget),
        },
      });
    }
  }
  return {
    height: top + 300 + (lower ? 66 + 150 : 0) + 44,
    option: vpunas.option(place, {
      grid: grids,
      xAxis: xAxes,
      yAxis: yAxes,
      series,
      textStyle: {color: ink, fontFamily: getComputedStyle(document.body).fontFamily},
      legend: {
        data: [
          ...trained.map(one => one.name),
          ...(candidates.length > 0 ? ['candidates'] : []),
          ...(front.length > 0 ? ['front'] : []),
        ],
      },
      zoom: {xAxisIndex: grids.map((_, i) => i), yAxisIndex: grids.map((_, i) => i)},
      tooltip: {
        formatter: ({data: item, name, seriesName}) =>
          item?.told
            ? vpunas.tip(
                name || seriesName,
                item.told.map(([what, value]) => [null, what, value]),
              )
            : '',
      },
    }),
  };
};

// --- Devices ---

vpunas.measured = json => {
  const median = vpunas.number(json?.median_ms);
  return median === null
    ? null
    : [
        median,
        Math.min(median, vpunas.number(json.p5_ms) ?? median),
        Math.max(median, vpunas.number(json.p95_ms) ?? median),
      ];
};

vpunas.drawDevice = (data, place) => {
  const labels = new Map(vpunas.networks(data).map(network => [network.name, network.label]));
  const rows = vpunas
    .list(data.benchmark?.rows)
    .filter(row => row?.device === place.of)
    .map(row => ({
      name: labels.get(row.network) ?? vpunas.text(row.network),
      predicted: vpunas.latency(row.predicted),
      measured: vpunas.measured(row.measured),
    }))
    .filter(row => row.predicted || row.measured);
  if (rows.length === 0) return null;
  const unit = place.of === 'MACS' ? 'MMACs' : 'ms';
  const series = (kind, more) =>
    vpunas.intervals({
      name: kind,
      clip: false,
      ...more,
      offset: rows.some(row => row.predicted && row.measured) ? more.offset : 0,
      radius: 5,
      items: rows.flatMap((row, i) =>
        row[kind]
          ? [
              {
                value: [row[kind][0], i, row[kind][1], row[kind][2], i, i],
                told: row,
                written: vpunas.shown(Number(row[kind][0].toPrecision(3)), unit),
              },
            ]
          : [],
      ),
    });
  const all = [
    series('predicted', {colour: 'c0', hollow: true, offset: -8}),
    series('measured', {colour: 'c1', offset: 8}),
  ].filter(one => one.data.length > 0);
  return {
    height: 92 + 54 * rows.length,
    option: vpunas.option(place, {
      grid: {left: 8, right: 76, top: 36, bottom: 40},
      legend: {data: all.map(one => one.name)},
      tooltip: {
        formatter: ({data: item}) =>
          vpunas.tip(item.told.name, [
            ...(item.told.predicted
              ? [['c0', 'predicted (90 %)', vpunas.interval(item.told.predicted, unit)]]
              : []),
            ...(item.told.measured
              ? [['c1', 'median (5th–95th pct.)', vpunas.interval(item.told.measured, unit)]]
              : []),
          ]),
      },
      xAxis: vpunas.axis(`${unit} per image`, 'x', {
        min: 0,
        scale: false,
        splitLine: {show: true, lineStyle: {color: vpunas.colour('grid')}},
      }),
      yAxis: vpunas.rowAxis(
        rows.map(row => row.name),
        26,
      ),
      series: all,
    }),
  };
};
