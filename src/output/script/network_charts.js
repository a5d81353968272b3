// Drawings of networks: blocks as wide as the time they take, and what they cost by resolution.
'use strict';

vpunas.kinds = {mbconv: 'k0', fused_mbconv: 'k1', residual: 'k2', bottleneck: 'k3', conv: 'k4'};
vpunas.kindWords = {
  k0: 'MBConv (depthwise)',
  k1: 'fused MBConv',
  k2: 'residual 3×3',
  k3: 'bottleneck',
  k4: 'convolution',
  k5: 'stem and head',
};

vpunas.pricedNetworks = data =>
  vpunas
    .networks(data)
    .filter(network => vpunas.list(network.blocks).some(block => vpunas.number(block?.ms) > 0))
    .slice(0, 4);

vpunas.plane = shape => (vpunas.list(shape).length === 3 ? `${shape[1]}×${shape[2]}` : '');
vpunas.shape = shape => vpunas.list(shape).join('×');

vpunas.drawBlocks = (data, place) => {
  const networks = vpunas.pricedNetworks(data);
  if (networks.length === 0) return null;
  const byKind = {},
    planes = [],
    rest = [];
  const totals = networks.map((network, row) => {
    let begin = 0;
    for (const block of network.blocks) {
      const ms = vpunas.number(block?.ms) ?? 0;
      if (ms <= 0) continue;
      const colour = vpunas.kinds[block.kind] ?? 'k5';
      const isBlock = vpunas.number(block.kernel) !== null;
      const expands = ['mbconv', 'fused_mbconv', 'bottleneck'].includes(block.kind);
      (byKind[colour] ??= []).push({
        value: [begin, begin + ms, row],
        block,
        ms,
        network: network.label,
        words: [
          isBlock
            ? `k${block.kernel}` + (expands ? ` e${block.expansion}` : '')
            : vpunas.text(block.name),
          vpunas.list(block.output).length > 0 ? `c${block.output[0]}` : '',
        ],
      });
      const word = block.kind === 'head' ? 'head' : vpunas.plane(block.output),
        last = planes.at(-1);
      if (last?.word === word && last.value[2] === row) last.value[1] = begin + ms;
      else planes.push({value: [begin, begin + ms, row], word});
      begin += ms;
    }
    const total = Math.max(begin, vpunas.number(network.explain?.total?.ms) ?? 0);
    if (total > 1.002 * begin)
      rest.push({value: [begin, total, row], ms: total - begin, network: network.label});
    return total;
  });
  const budget =
    data.headline?.device === 'MYRIADX' ? vpunas.number(data.headline.budget_ms) : null;
  const colours = Object.keys(byKind).sort();
  const rows = networks.map(
    (network, i) => `${network.label}  ${vpunas.shown(Number(totals[i].toPrecision(3)), 'ms')}`,
  );
  return {
    height: 92 + 100 * networks.length,
    option: vpunas.option(place, {
      grid: {left: 4, right: 14, top: budget ? 52 : 32, bottom: 44},
      legend: {
        data: [
          ...colours.map(colour => vpunas.kindWords[colour]),
          ...(rest.length > 0 ? ['of no block'] : []),
        ],
      },
      zoom: {xAxisIndex: [0]},
      tooltip: {
        formatter: ({data: item}) =>
          !item.block
            ? vpunas.tip(item.network, [[null, 'of no block', vpunas.shown(item.ms, 'ms')]])
            : vpunas.tip(`${item.network}, block ${vpunas.text(item.block.name)}`, [
                [null, 'what', vpunas.text(item.block.what)],
                [
                  null,
                  'shape',
                  `${vpunas.shape(item.block.input)} → ${vpunas.shape(item.block.output)}`,
                ],
                [null, 'predicted', vpunas.shown(item.ms, 'ms')],
                [null, 'MACs', (vpunas.number(item.block.macs) ?? 0).toLocaleString('en')],
                [
                  null,
                  'parameters',
                  (vpunas.number(item.block.parameters) ?? 0).toLocaleString('en'),
                ],
              ]),
      },
      xAxis: vpunas.timeAxis(
        'predicted ms, summed over the blocks',
        Math.max(...totals, budget && budget < 2 * Math.max(...totals) ? budget : 0),
      ),
      yAxis: vpunas.rowAxis(rows, 36),
      series: [
        ...colours.map(colour =>
          vpunas.boxes({name: vpunas.kindWords[colour], colour, items: byKind[colour], height: 50}),
        ),
        vpunas.boxes({name: 'of no block', colour: 'line', items: rest, height: 50}),
        vpunas.brackets(planes, 30),
        ...(budget === null
          ? []
          : [
              vpunas.referenceSeries(
                {xAxis: budget},
                `budget ${vpunas.shown(Number(budget.toPrecision(3)), 'ms')}`,
                {position: 'start', distance: 4},
              ),
            ]),
      ],
    }),
  };
};

vpunas.drawResolutions = (data, place) => {
  const networks = vpunas.pricedNetworks(data);
  const bySize = new Map(); // the stem before all sizes, the head behind them
  networks.forEach((network, i) => {
    for (const block of network.blocks) {
      const [, h, w] = vpunas.list(block?.output);
      const [size, name] =
        block?.kind === 'stem'
          ? [1e9, 'stem']
          : block?.kind === 'head'
            ? [-1, 'head']
            : [h, `${h}×${w}`];
      if (typeof size !== 'number') continue;
      if (!bySize.has(size)) bySize.set(size, {name, ms: networks.map(() => 0)});
      bySize.get(size).ms[i] += vpunas.number(block.ms) ?? 0;
    }
  });
  const sizes = [...bySize.keys()].sort((a, b) => b - a).map(size => bySize.get(size));
  if (networks.length < 2 || sizes.length === 0) return null;
  return vpunas.bars(place, {
    names: sizes.map(size => size.name),
    series: networks.map((network, i) => ({
      name: network.label,
      colour: network.colour,
      ms: sizes.map(size => size.ms[i]),
    })),
    stacked: false,
    height: 80 + (16 * networks.length + 14) * sizes.length,
  });
};
