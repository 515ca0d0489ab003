// What the page knows. Steps are sorted by number; a step that comes again after a rollback replaces what followed it.

const MAX_POINTS = 6000;

export class Store {
  status = null;
  steps = [];
  link = 'connecting'; // connecting | live | lost | refused
  onChange = () => {};

  setStatus(status) {
    this.status = status;
    this.onChange();
  }

  setLink(link) {
    this.link = link;
    this.onChange();
  }

  /** Takes the whole history, then the steps that were pushed while it was on its way. */
  setHistory(history, pushedMeanwhile) {
    this.steps = history.map(clean);
    pushedMeanwhile.forEach((step) => this.addStep(step));
    this.onChange();
  }

  addStep(raw) {
    const step = clean(raw);
    while (this.steps.length > 0 && this.steps[this.steps.length - 1].step >= step.step) {
      this.steps.pop();
    }
    this.steps.push(step);
    if (this.steps.length > MAX_POINTS) {
      const newest = this.steps.length - 1;
      this.steps = this.steps.filter((_, i) => i % 2 === 0 || i === newest);
    }
    this.onChange();
  }

  get last() {
    return this.steps[this.steps.length - 1] ?? null;
  }

  get ended() {
    return ['done', 'preempted', 'failed'].includes(this.status?.state);
  }
}

/** JSON has no NaN: the server writes it as a text, a chart wants a gap. */
function clean(step) {
  const number = (value) => (Number.isFinite(value) ? value : null);
  return {
    ...step,
    loss: number(step.loss),
    learning_rate: number(step.learning_rate),
    grad_norm: number(step.grad_norm),
    tokens_per_second: number(step.tokens_per_second),
  };
}
