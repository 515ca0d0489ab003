// Keeps the store up to date: history once per connection, then pushes; comes back by itself after a loss.

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 8000;
const CATCH_UP_MS = 2000;

export function connect(store) {
  let wait = FIRST_WAIT_MS;

  function open() {
    const scheme = location.protocol === 'https:' ? 'wss' : 'ws';
    const socket = new WebSocket(`${scheme}://${location.host}/ws`);
    let pushed = []; // while the history is on its way, else null
    let missed = false;

    async function loadHistory() {
      try {
        const response = await fetch('/api/steps');
        if (!response.ok) {
          throw new Error(`steps: HTTP ${response.status}`);
        }
        store.setHistory(await response.json(), pushed);
        pushed = null;
        if (missed) catchUp();
        wait = FIRST_WAIT_MS;
        store.setLink('live');
      } catch (error) {
        console.warn('tutti: no history, trying again', error);
        socket.close();
      }
    }

    socket.onopen = loadHistory;

    socket.onmessage = (event) => {
      const message = JSON.parse(event.data);
      if (message.type === 'status') {
        store.setStatus(message.status);
      } else if (message.type === 'step' && pushed) {
        pushed.push(message.step);
      } else if (message.type === 'step') {
        store.addStep(message.step);
      } else if (message.type === 'missed') {
        missed = true;
        if (pushed === null) catchUp();
      }
    };

    /** Steps came faster than we read them; fill the gap, but not at the pace that made it. */
    function catchUp() {
      missed = false;
      pushed = [];
      setTimeout(loadHistory, CATCH_UP_MS);
    }

    socket.onclose = async () => {
      store.setLink((await refused()) ? 'refused' : 'lost');
      // Some spread, so that many pages do not come back at one moment.
      setTimeout(open, wait * (0.75 + Math.random() / 2));
      wait = Math.min(wait * 2, LONGEST_WAIT_MS);
    };
  }

  open();
}

/** A coordinator that was started anew has a new token: a reason to tell apart from a lost connection. */
async function refused() {
  try {
    return (await fetch('/api/status')).status === 401;
  } catch {
    return false; // nobody answers: lost, not refused
  }
}
