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
  const value = one => (one !== null && one !== undefined && one.value !== undefined ? one.value : one);
  const marks = box => box.querySelectorAll('svg path, svg rect, svg polyline, svg circle').length;
  const charts = [...document.querySelectorAll('figure')].map(figure => {
    const box = figure.querySelector('.live'), chart = box && window.echarts && echarts.getInstanceByDom(box);
    const told = {chart: figure.dataset.chart ?? '', of: figure.dataset.of ?? '', drawn: figure.classList.contains('drawn')};
    told.still = [...figure.children].some(one => /wide|narrow/.test(one.className) && one.offsetHeight > 0);
    if (!chart) return told;
    const option = chart.getOption();
    told.marks = marks(box);
    told.width = box.querySelector('svg').getBoundingClientRect().width;
    told.label = box.getAttribute('aria-label');
    told.colour = option.textStyle.color;
    told.series = option.series.map(one => ({name: one.name ?? '', data: (one.data ?? []).map(value)}));
    const first = option.series.findIndex(one => one.data?.length > 0 && !one.silent);
    chart.dispatchAction({type: 'showTip', seriesIndex: first, dataIndex: 0});
    told.tip = [...box.querySelectorAll('.tip')].map(one => one.textContent).join(' ');
    told.made = box.querySelectorAll('img, script').length;
    const legend = option.legend?.[0]?.data?.[0];
    if (legend !== undefined) {
      chart.dispatchAction({type: 'legendUnSelect', name: legend});
      chart.getZr().flush();
      told.without = marks(box);
      chart.dispatchAction({type: 'legendSelect', name: legend});
    }
    if (option.dataZoom?.length > 0) {
      chart.dispatchAction({type: 'dataZoom', start: 40, end: 60});
      told.zoomed = chart.getOption().dataZoom[0].start;
    }
    return told;
  });
  const told = {faults, charts, hacked: window.hacked === 1, page: document.scrollingElement.scrollWidth, window: innerWidth};
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
