// Draws the page's figures anew for the screen, from the JSON in the script element "data". The
// still pictures below them stay: they are what is printed, and what is seen where this does not
// run.
'use strict';

vpunas.drawings = {
  plane: vpunas.drawPlane,
  blocks: vpunas.drawBlocks,
  resolutions: vpunas.drawResolutions,
  cumulative: vpunas.drawCumulative,
  engines: vpunas.drawEngines,
  timeline: vpunas.drawTimeline,
  search: vpunas.drawSearchCurve,
  choices: vpunas.drawChoices,
  probabilities: vpunas.drawProbabilities,
  training: vpunas.drawTraining,
  device: vpunas.drawDevice,
};

// A figure's drawing, and again whenever its width or the page's colours change.
vpunas.enliven = (figure, data) => {
  const box = document.createElement('div');
  box.className = 'live';
  let chart = null,
    width = 0;
  const draw = () => {
    width = figure.clientWidth;
    const place = {
      width,
      of: figure.dataset.of,
      description: figure.querySelector('svg')?.getAttribute('aria-label') ?? '',
    };
    const drawing = vpunas.drawings[figure.dataset.chart]?.(data, place);
    if (!drawing) return;
    figure.prepend(box);
    figure.classList.add('drawn');
    box.style.height = drawing.height + 'px';
    chart ??= echarts.init(box, null, {renderer: 'svg', width, height: drawing.height});
    chart.resize({width, height: drawing.height});
    chart.setOption(drawing.option, true);
  };
  const tried = () => {
    try {
      draw();
    } catch (error) {
      // figures that no run of ours writes: the still picture says what can be said
      console.error(error);
      figure.classList.remove('drawn');
      box.remove();
    }
  };
  tried();
  if (!chart) return;
  // Nothing is redrawn while it is hidden, as in print, where its width is 0.
  new ResizeObserver(
    () => figure.clientWidth > 0 && figure.clientWidth !== width && tried(),
  ).observe(figure);
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', tried);
};

{
  const data = JSON.parse(document.getElementById('data').textContent);
  for (const figure of document.querySelectorAll('figure[data-chart]'))
    vpunas.enliven(figure, data);
}
