// The page from top to bottom. Everything is drawn from the store; only the two switches of the loss chart are kept here.
import { Component, h } from './vendor/preact.mjs';
import htm from './vendor/htm.mjs';
import { Chart } from './chart.js';
import { bytes, clock, count, duration, milliseconds, number, rate } from './format.js';

export const html = htm.bind(h);

const LINKS = {
  connecting: 'connecting',
  live: 'live',
  lost: 'connection lost, trying again',
  refused: 'token no longer valid',
};

export class Page extends Component {
  state = { log: false, smoothing: 0.8 };
  setLog = (event) => this.setState({ log: event.target.checked });
  setSmoothing = (event) => this.setState({ smoothing: Number(event.target.value) });

  render({ store }, { log, smoothing }) {
    const { status, last } = store;
    if (!status) {
      return html`<p class="loading" role="status">${
        store.link === 'refused' ? Refused() : 'Reading the run…'
      }</p>`;
    }
    return html`
      <${Header} store=${store} />
      <main>
        <${Notice} store=${store} />
        <${Tiles} status=${status} last=${last} />
        <${Charts} steps=${store.steps} newest=${last} log=${log} smoothing=${smoothing}
          setLog=${this.setLog} setSmoothing=${this.setSmoothing} />
        <${StepTime} last=${last} />
        <${Workers} status=${status} />
      </main>
      <footer>
        <span>Output folder <code>${status.output_dir}</code></span>
        <span>Started ${new Date(status.started_at).toLocaleString()}</span>
        <span><a href="/metrics">metrics</a> · <a href="/api/status">status</a> · <a href="/api/steps">steps</a></span>
      </footer>`;
  }
}

function Header({ store }) {
  const { status } = store;
  const known = status.total_steps > 0;
  const share = known ? Math.min(1, status.step / status.total_steps) : 0;
  const passed = (Date.now() - status.started_at) / 1000;
  return html`<header>
    <div class="top">
      <img src="/assets/icon.svg" alt="" width="28" height="28" />
      <div class="names">
        <h1>${status.run_id}</h1>
        <p>${status.model}</p>
      </div>
      <span class="pill" data-state=${status.state} role="status">${status.state}</span>
      <span class="link" data-link=${store.link} role="status">${LINKS[store.link]}</span>
    </div>
    <div class="progress" role="progressbar" aria-label="Steps done" aria-valuemin="0"
      aria-valuemax=${status.total_steps} aria-valuenow=${status.step} data-state=${status.state}>
      <div style=${{ width: `${100 * share}%` }}></div>
    </div>
    <div class="facts">
      <span><b>${count(status.step)}</b>${known ? ` of ${count(status.total_steps)} steps` : ' steps'}</span>
      ${known && html`<span><b>${(100 * share).toFixed(share < 0.1 ? 1 : 0)}%</b></span>`}
      ${store.last && html`<span>epoch <b>${store.last.epoch.toFixed(2)}</b> of ${status.epochs}</span>`}
      ${!store.ended && html`<span>running for <b>${duration(passed)}</b></span>`}
      ${!store.ended && status.eta_seconds != null && html`
        <span class="eta"><b>${duration(status.eta_seconds)}</b> left, until about ${
          clock(Date.now() + 1000 * status.eta_seconds)
        }</span>`}
    </div>
  </header>`;
}

/** What a reader should know before any number: the run ended, waits, or is out of sight. */
function Notice({ store }) {
  const { status, link } = store;
  const gone = link === 'lost' ? ' The coordinator has left; this is the last that it showed.' : '';
  if (status.state === 'done') {
    return html`<p class="notice good" role="status"><b>The run is done.</b> ${status.message} ${
      ''}The model is in <code>${status.output_dir}</code>.${gone}</p>`;
  }
  if (status.state === 'preempted') {
    return html`<p class="notice" role="status"><b>The run made room.</b> ${status.message}${gone}</p>`;
  }
  if (status.state === 'failed') {
    return html`<p class="notice bad" role="alert"><b>The run failed.</b> ${status.message}${gone}</p>`;
  }
  if (link === 'refused') return html`<p class="notice bad" role="alert">${Refused()}</p>`;
  if (link === 'lost') {
    return html`<p class="notice warn" role="status"><b>No connection to the coordinator.</b> ${
      ''}What you see is the last that was known; the page comes back by itself.</p>`;
  }
  return status.message ? html`<p class="notice" role="status">${status.message}</p>` : null;
}

function Refused() {
  return 'This token is no longer valid: the coordinator was started anew. Open the address that it printed on its terminal.';
}

function Tiles({ status, last }) {
  const workers = `${count(status.world_size)} worker${status.world_size === 1 ? '' : 's'}`;
  return html`<section class="tiles" aria-label="Newest numbers">
    <${Tile} name="Loss" value=${newest(last, 'loss')} note="nats per labelled token" />
    <${Tile} name="Learning rate" value=${newest(last, 'learning_rate')} note="newest step" />
    <${Tile} name="Gradient norm" value=${newest(last, 'grad_norm')} note="before clipping" />
    <${Tile} name="Tokens per second" value=${rate(last?.tokens_per_second)}
      note=${`${workers}, generation ${status.generation}`} />
    <${Tile} name="Last checkpoint" value=${status.last_checkpoint ?? 'none yet'}
      note=${sinceCheckpoint(status)} />
    ${status.last_evaluation && html`<${Tile} name="Held-out loss" value=${number(status.last_evaluation.eval_loss)}
      note=${`after step ${count(status.last_evaluation.step)}`} />`}
  </section>`;
}

/** A step without a number had NaN or infinity there, which is the first thing to see when a run fails. */
function newest(last, key) {
  return last && last[key] === null ? 'not finite' : number(last?.[key]);
}

/** The folder name ends in its step: how much work a crash would cost now. */
function sinceCheckpoint(status) {
  const at = /(\d+)$/.exec(status.last_checkpoint ?? '')?.[1];
  if (at == null) return status.last_checkpoint ? 'committed' : 'nothing committed so far';
  const behind = Math.max(0, status.step - Number(at));
  return behind === 0 ? 'at the newest step' : `${count(behind)} step${behind === 1 ? '' : 's'} ago`;
}

function Tile({ name, value, note }) {
  return html`<div class="card tile"><h2>${name}</h2><strong>${value}</strong><small>${note}</small></div>`;
}

/** Columns for the charts are cut once per change of the steps, not once per drawing. */
class Charts extends Component {
  shouldComponentUpdate(next) {
    const now = this.props;
    return next.newest !== now.newest || next.steps.length !== now.steps.length
      || next.log !== now.log || next.smoothing !== now.smoothing;
  }

  render({ steps, log, smoothing, setLog, setSmoothing }) {
    const column = (key) => steps.map((step) => step[key]);
    const x = column('step');
    // A logarithmic scale has no place for zero and below.
    const loss = log ? column('loss').map((v) => (v > 0 ? v : null)) : column('loss');
    const tools = html`<div class="tools">
      <label><input id="log" type="checkbox" checked=${log} onChange=${setLog} /> log scale</label>
      <label>smoothing <input id="smoothing" type="range" min="0" max="0.98" step="0.02" value=${smoothing}
        aria-valuetext=${`${Math.round(100 * smoothing)} percent`} onInput=${setSmoothing} /></label>
    </div>`;
    const small = (label, key, colour, format, fromZero) => html`<${Chart} key=${key} label=${label} height=${150}
      data=${[x, column(key)]} lines=${[{ name: label, colour, width: 1.25 }]} format=${format} fromZero=${fromZero} />`;
    return html`<section class="charts" aria-label="Charts">
      <${Chart} key="loss" label="Loss" height=${300} log=${log} format=${number} tools=${tools}
        data=${[x, loss, smooth(loss, smoothing)]}
        lines=${[{ name: 'loss', colour: '--accent-faint', width: 1 }, { name: 'smoothed', colour: '--accent', width: 2 }]} />
      <div class="three">
        ${small('Learning rate', 'learning_rate', '--chart-2', number)}
        ${small('Gradient norm', 'grad_norm', '--chart-3', number)}
        ${small('Tokens per second', 'tokens_per_second', '--chart-4', rate, true)}
      </div>
    </section>`;
  }
}

/** Exponential average with the bias of its start taken out; gaps stay gaps. */
function smooth(values, weight) {
  let sum = 0;
  let total = 0;
  return values.map((value) => {
    if (value == null) return null;
    sum = weight * sum + (1 - weight) * value;
    total = weight * total + (1 - weight);
    return sum / total;
  });
}

/** The newest step cut into its parts; what is left of the wall time is called other. */
function StepTime({ last }) {
  if (!last || !(last.step_ms > 0)) return null;
  const parts = [
    ['data', last.data_ms],
    ['forward', last.forward_ms],
    ['recompute', last.recompute_ms],
    ['backward', last.backward_ms],
    ['all-reduce, exposed', last.allreduce_exposed_ms],
    ['clip', last.clip_ms],
    ['optimizer', last.optimizer_ms],
    ['checkpoint', last.checkpoint_ms],
  ];
  const named = parts.reduce((sum, [, ms]) => sum + ms, 0);
  parts.push(['other', Math.max(0, last.step_ms - named)]);
  const whole = Math.max(last.step_ms, named);
  return html`<section class="card steptime" aria-label="Where the time of a step goes">
    <h2>Where the time of a step goes <span class="readout">${milliseconds(last.step_ms)}</span></h2>
    <div class="bar" aria-hidden="true">${parts.map(
      ([name, ms], i) => html`<i key=${name} class=${`part-${i}`} style=${{ width: `${(100 * ms) / whole}%` }}></i>`,
    )}</div>
    <ul>${parts.map(
      ([name, ms], i) => html`<li key=${name}><i class=${`part-${i}`} aria-hidden="true"></i>${name} <b>${
        milliseconds(ms)}</b></li>`,
    )}</ul>
  </section>`;
}

function Workers({ status }) {
  const { workers } = status;
  const slowest = slowestRank(workers);
  return html`<section class="card workers" aria-label="Workers">
    <h2>Workers <span class="readout">${workers.length === 0 ? 'none here yet' : `generation ${status.generation}`}</span></h2>
    ${workers.length > 0 && html`<div class="scroll" tabindex="0" role="region" aria-label="Table of workers">
      <table id="workers">
        <thead><tr>
          <th scope="col">Rank</th><th scope="col" class="left">Host</th><th scope="col">Process</th>
          <th scope="col" class="left">Device</th><th scope="col" class="left">State</th><th scope="col">Step</th>
          <th scope="col">Step time</th><th scope="col">Compute</th><th scope="col">Memory</th>
        </tr></thead>
        <tbody>${workers.map((worker) => html`<${Worker} key=${worker.rank} worker=${worker} slowest=${slowest} />`)}</tbody>
      </table>
    </div>`}
  </section>`;
}

function Worker({ worker, slowest }) {
  const marked = worker.rank === slowest?.rank;
  return html`<tr data-slowest=${marked ? 'true' : undefined}>
    <th scope="row">${worker.rank}</th>
    <td class="left">${worker.host}</td>
    <td>${worker.pid}</td>
    <td class="left">${worker.device}</td>
    <td class="left">${worker.state}</td>
    <td>${count(worker.last_step)}</td>
    <td>${milliseconds(worker.step_ms)}</td>
    <td>${marked && html`<span class="badge" title="Everybody waits for the slowest compute">slowest${
      slowest.behind >= 0.05 ? ` +${Math.round(100 * slowest.behind)}%` : ''}</span>`} ${milliseconds(worker.compute_ms)}</td>
    <td>${bytes(worker.memory_bytes)}</td>
  </tr>`;
}

/** By compute time without waiting, since the barrier evens out the rest; `behind` is its distance to the median. */
function slowestRank(workers) {
  const timed = workers.filter((worker) => worker.compute_ms > 0).sort((a, b) => a.compute_ms - b.compute_ms);
  if (timed.length < 2) return null;
  const last = timed[timed.length - 1];
  const median = timed[Math.floor((timed.length - 1) / 2)].compute_ms;
  return { rank: last.rank, behind: last.compute_ms / median - 1 };
}

