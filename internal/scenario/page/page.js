"use strict";
(() => {
  const groups = [...document.querySelectorAll(".plots")];
  const rate = (list, step) => list.map((n) => n / step);
  const columns = {
    rate: (s) => [[rate(s.ours, s.step), "ours"], [rate(s.others, s.step), "others"], [s.limit, "limit"]],
    level: (s) => [[s.level, "ours"]],
    throttles: (s) => [[rate(s.refused, s.step), "refused"], [rate(s.harmed, s.step), "harmed"]],
    delay: (s) => [[s.delay.map((d) => d || null), "others"]], // 0 where nobody called
  };
  const clock = (t) => t >= 3600 ? (t / 3600).toFixed(1).replace(".0", "") + " h" : t >= 60 ? Math.round(t / 6) / 10 + " min" : t + " s";
  let drawn = [];

  function draw() {
    drawn.forEach((u) => u.destroy());
    drawn = [];
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue("--" + name).trim();
    groups.forEach((group, i) => {
      const s = allSeries[i];
      if (!s) return;
      const x = s.ours.map((_, k) => k * s.step);
      group.querySelectorAll(".plot").forEach((el) => {
        const lines = columns[el.dataset.kind](s).filter(([, name]) => group.classList.contains("shared") || name !== "others" && name !== "harmed");
        const axis = { stroke: colour("soft"), grid: { stroke: colour("line"), width: 1 }, ticks: { stroke: colour("line"), width: 1 }, font: "11px system-ui" };
        const most = Math.max(1e-9, ...lines.map(([values]) => values.reduce((a, b) => Math.max(a, b), 0)));
        drawn.push(new uPlot({
          width: el.clientWidth, height: el.clientHeight, legend: { show: false }, cursor: { y: false, points: { size: 5 } },
          scales: { x: { time: false }, y: { range: [0, most > 1e-6 ? most * 1.08 : 1] } },
          axes: [{ ...axis, size: 26, space: 60, incrs: [1, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 14400, 43200, 86400], values: (_, ticks) => ticks.map(clock) }, { ...axis, size: 42, space: 32 }],
          series: [{}, ...lines.map(([, name]) => ({ stroke: colour(name), width: 1.4, dash: name === "limit" ? [4, 3] : undefined, points: { show: false }, ...(el.dataset.kind === "delay" ? { paths: () => null, points: { show: true, size: 3, fill: colour(name) } } : {}) }))],
        }, [x, ...lines.map(([values]) => values)], el));
      });
    });
  }

  draw();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  let later, width = document.body.clientWidth;
  new ResizeObserver(() => {
    if (document.body.clientWidth === width) return;
    width = document.body.clientWidth;
    clearTimeout(later);
    later = setTimeout(draw, 100);
  }).observe(document.body);
})();
