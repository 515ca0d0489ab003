// One uPlot chart as a component. It is built anew when its scale or the colours change; new data only moves the lines.
import { Component, h } from './vendor/preact.mjs';
import uPlot from './vendor/uPlot.esm.js';

/** One cursor for all charts: they show the same steps. */
const SYNC = { key: 'steps' };
const darkMode = matchMedia('(prefers-color-scheme: dark)');

/**
 * Props: label; data = [steps, values, ...]; lines = [{ name, colour (CSS variable), width }]; log or fromZero; height;
 * format(value, short): short is for the axis.
 * What the cursor points at is written into the caption above the lines; without a cursor, the newest values.
 */
export class Chart extends Component {
  rebuild = () => {
    this.destroy();
    this.build();
  };

  setHost = (element) => {
    this.host = element;
  };

  setReadout = (element) => {
    this.readout = element;
  };

  componentDidMount() {
    this.build();
    this.sizes = new ResizeObserver(() => this.plot.setSize(this.size()));
    this.sizes.observe(this.host);
    darkMode.addEventListener('change', this.rebuild);
  }

  componentWillUnmount() {
    this.sizes.disconnect();
    darkMode.removeEventListener('change', this.rebuild);
    this.destroy();
  }

  componentDidUpdate(before) {
    if (before.log !== this.props.log) {
      this.rebuild();
    } else if (before.data !== this.props.data) {
      this.plot.setData(this.props.data);
      this.describe(this.plot.cursor.idx);
    }
  }

  destroy() {
    this.plot.destroy();
  }

  build() {
    const { data, lines, log, fromZero, format } = this.props;
    const axis = {
      stroke: this.colour('--ink-3'),
      grid: { stroke: this.colour('--line'), width: 1 },
      ticks: { show: false },
      font: '11px system-ui, sans-serif',
    };
    this.plot = new uPlot(
      {
        ...this.size(),
        legend: { show: false },
        padding: [8, 22, 0, 0],
        cursor: { sync: SYNC, y: false, drag: { x: true, y: false }, points: { size: 7 } },
        scales: { x: { time: false }, y: yScale(log, fromZero) },
        axes: [
          { ...axis, size: 22, gap: 4, space: 70, grid: { show: false } },
          {
            ...axis,
            size: 58,
            space: 36,
            gap: 6,
            values: (_, splits) => splits.map((v) => (v == null ? '' : format(v, true))),
          },
        ],
        series: [
          { label: 'step' },
          ...lines.map((line) => ({
            label: line.name,
            stroke: this.colour(line.colour),
            width: line.width,
            // One point makes no line.
            points: { show: data[0].length < 2 },
          })),
        ],
        hooks: { setCursor: [(plot) => this.describe(plot.cursor.idx)] },
      },
      data,
      this.host,
    );
    this.describe(null);
  }

  /** Writes step and values at the cursor, or the newest ones; straight into the page, since a cursor moves often. */
  describe(index) {
    const { data, lines, format } = this.props;
    const newest = data[0].length - 1;
    const at = index ?? newest;
    if (at < 0 || at > newest) {
      this.readout.textContent = '';
      return;
    }
    const values = lines.map((line, i) => `${lines.length > 1 ? `${line.name} ` : ''}${format(data[i + 1][at])}`);
    this.readout.textContent = `step ${data[0][at].toLocaleString('en-US')} · ${values.join(' · ')}`;
  }

  size() {
    return { width: Math.max(this.host.clientWidth, 120), height: this.props.height };
  }

  /** A canvas knows no CSS variables; the browser resolves one for us. */
  colour(variable) {
    this.host.style.color = `var(${variable})`;
    const resolved = getComputedStyle(this.host).color;
    this.host.style.color = '';
    return resolved;
  }

  render({ label, data, lines, format, tools }) {
    const newest = data[0].length - 1;
    const main = data[lines.length];
    const spoken =
      newest < 0
        ? `${label}: no steps yet`
        : `${label} from step ${data[0][0]} to ${data[0][newest]}: first ${format(main[0])}, last ${format(main[newest])}`;
    return h('figure', { class: 'card chart' }, [
      h('figcaption', null, [
        h('h2', null, label),
        h('span', { class: 'readout', ref: this.setReadout }),
        tools ?? null,
      ]),
      h('div', { class: 'plot', role: 'img', 'aria-label': spoken, ref: this.setHost, style: { height: `${this.props.height}px` } }),
    ]);
  }
}

function yScale(log, fromZero) {
  if (log) {
    // Close to the data; uPlot itself would round to whole powers of ten.
    return { distr: 3, range: (_, low, high) => (low > 0 ? [low / 1.05, high * 1.05] : [0.1, 10]) };
  }
  // An amount from zero up: its noise looks as small as it is.
  return fromZero ? { range: (_, low, high) => [Math.min(0, low ?? 0), (high ?? 1) * 1.1 || 1] } : {};
}
