// Starts the page: a store that the connection writes, a view that is drawn from it at most ten times a second.
import { render } from './vendor/preact.mjs';
import { connect } from './connection.js';
import { Store } from './store.js';
import { html, Page } from './view.js';

const DRAW_EVERY_MS = 100;
const store = new Store();
const root = document.getElementById('app');
let due = false;

function draw() {
  due = false;
  render(html`<${Page} store=${store} />`, root);
  document.body.dataset.points = store.steps.length;
  const { status } = store;
  if (status) {
    document.title = `${status.state === 'training' ? percent(status) : status.state} · ${status.run_id} · Tutti`;
  }
}

function percent(status) {
  return status.total_steps > 0 ? `${Math.floor((100 * status.step) / status.total_steps)}%` : `step ${status.step}`;
}

store.onChange = () => {
  if (!due) {
    due = true;
    // A timer, not an animation frame: a page in the background keeps its title.
    setTimeout(draw, DRAW_EVERY_MS);
  }
};

// The cookie is set by now; the token need not stay in the address bar, the history or a screenshot.
history.replaceState(null, '', location.pathname);
root.textContent = '';
draw();
connect(store);
// Elapsed time moves between notices.
setInterval(() => store.onChange(), 1000);
