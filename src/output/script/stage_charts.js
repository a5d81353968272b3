// Drawings of a network's stages on the MyriadX.
'use strict';

// What a stage's time is booked under (Group in section_explanation.cpp).
vpunas.groups = [
  ['depthwise convolution', 'k0'],
  ['other convolution', 'k1'],
  ['pooling', 'k4'],
  ['SHAVE', 'k2'],
  ['DMA copy', 'k3'],
  ['host', 'k5'],
];
vpunas.groupOf = stage => {
  if (stage?.engine === 'SHAVE') return 3;
  if (stage?.engine === 'DMA') return 4;
  if (stage?.op === 'POOL') return 2;
  return stage?.kind === 'depthwise' ? 0 : 1;
};

vpunas.stagedNetworks = data =>
  vpunas
    .networks(data)
    .filter(network => vpunas.list(network.explain?.stages).length > 0)
    .slice(0, 4);

vpunas.drawEngines = (data, place) => {
  const networks = vpunas.stagedNetworks(data);
  if (networks.length === 0) return null;
  const sums = networks.map(network => {
    const sum = vpunas.groups.map(() => 0);
    for (const stage of network.explain.stages)
      sum[vpunas.groupOf(stage)] += vpunas.number(stage?.ms) ?? 0;
    const total = vpunas.number(network.explain.total?.ms) ?? 0;
    sum[5] = Math.max(0, total - sum.reduce((a, b) => a + b, 0));
    return sum;
  });
  const used = vpunas.groups.map((_, i) => i).filter(i => sums.some(sum => sum[i] > 0));
  return vpunas.bars(place, {
    names: networks.map(network => network.label),
    stacked: true,
    height: 92 + 50 * networks.length,
    series: used.map(i => ({
      name: vpunas.groups[i][0],
      colour: vpunas.groups[i][1],
      ms: sums.map(sum => sum[i]),
    })),
  });
};

vpunas.drawCumulative = (data, place) =>
  vpunas.lines(place, {
    series: vpunas.stagedNetworks(data).map(network => {
      let sum = 0;
      const points = network.explain.stages.map((stage, i) => [
        i + 1,
        (sum += vpunas.number(stage?.ms) ?? 0),
        i,
      ]);
      return {
        name: network.label,
        colour: network.colour,
        points: [[0, 0, -1], ...points],
        stages: network.explain.stages,
      };
    }),
    x: 'stage',
    y: 'predicted ms since the first stage',
    unit: 'ms',
    zero: true,
    step: true,
  });

// Spans of stages whose layers' outputs have one resolution; a few of another (a squeeze-excite) do
// not end a span.
vpunas.planeBrackets = (explanation, placed) => {
  const planes = new Map(
    vpunas.list(explanation.nodes).map(node => [node?.node, vpunas.plane(node?.out)]),
  );
  const spans = [];
  for (let i = 0; i < placed.length;) {
    const word = planes.get(placed[i].stage.layer) ?? '';
    let j = i,
      end = placed[i].value[1];
    for (let k = i; k < placed.length && k < j + 12; ++k) {
      if ((planes.get(placed[k].stage.layer) ?? '') === word)
        [j, end] = [k, Math.max(end, placed[k].value[1])];
    }
    spans.push({value: [placed[i].value[0], end, 3], word});
    i = j + 1;
  }
  return spans;
};

vpunas.drawTimeline = (data, place) => {
  const explanation = data.myriadx ?? data;
  const total = vpunas.number(explanation.total_ms);
  if (!Array.isArray(explanation.stages) || !(total > 0)) return null;
  const lanes = ['NCE', 'SHAVE', 'DMA', ''],
    items = vpunas.groups.map(() => []);
  let now = 0,
    host = 0; // where the stage begins in whose shadow others run
  for (const stage of explanation.stages) {
    const ms = vpunas.number(stage?.ms) ?? 0,
      group = vpunas.groupOf(stage),
      faint = typeof stage?.in_shadow_of === 'string';
    const begin = faint ? host : now;
    now += ms;
    if (!faint) host = begin;
    items[group].push({
      value: [begin, now, group === 3 ? 1 : group === 4 ? 2 : 0],
      stage,
      ms,
      faint,
      words: [vpunas.text(stage?.op)],
    });
  }
  if (total > now) {
    [0, 1, 2].forEach(lane =>
      items[5].push({
        value: [now, total, lane],
        stage: {layer: 'host, and what no stage owns'},
        ms: total - now,
        faint: true,
      }),
    );
  }
  const used = vpunas.groups.map((_, i) => i).filter(i => items[i].length > 0);
  const planes = vpunas.planeBrackets(
    explanation,
    items
      .flat()
      .filter(item => item.stage.engine)
      .sort((a, b) => a.value[1] - b.value[1]),
  );
  return {
    height: 290,
    option: vpunas.option(place, {
      grid: {
        left: 8,
        right: 14,
        top: 32,
        bottom: 40,
        outerBoundsMode: 'same',
        outerBoundsContain: 'axisLabel',
      },
      legend: {data: used.map(i => vpunas.groups[i][0])},
      zoom: {xAxisIndex: [0]},
      tooltip: {
        formatter: ({data: item, seriesName}) =>
          vpunas.tip(vpunas.text(item.stage.layer), [
            [
              vpunas.groups.find(([name]) => name === seriesName)?.[1],
              seriesName,
              vpunas.text(item.stage.op),
            ],
            [null, 'predicted', vpunas.shown(item.ms, 'ms')],
            [null, 'begins at', vpunas.shown(item.value[0], 'ms')],
            ...(typeof item.stage.in_shadow_of === 'string'
              ? [[null, 'beside', item.stage.in_shadow_of]]
              : []),
          ]),
      },
      xAxis: vpunas.timeAxis('predicted ms', Math.max(total, now)),
      yAxis: vpunas.namesAxis(lanes, {
        splitLine: {show: true, lineStyle: {color: vpunas.colour('line')}},
      }),
      series: [
        ...used.map(i =>
          vpunas.boxes({
            name: vpunas.groups[i][0],
            colour: vpunas.groups[i][1],
            items: items[i],
            height: 40,
          }),
        ),
        vpunas.brackets(planes, -18),
      ],
    }),
  };
};
