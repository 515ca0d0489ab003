// Numbers and times for people.

export const NONE = '–';

export function count(value) {
  return value == null ? NONE : Math.round(value).toLocaleString('en-US');
}

/** Four significant digits; small ones as 2.0e-5. */
export function number(value) {
  if (value == null) return NONE;
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e6)) return value.toExponential(2);
  return size >= 1000 ? count(value) : value.toPrecision(4);
}

export function rate(value) {
  if (value == null) return NONE;
  if (value >= 1e6) return `${(value / 1e6).toFixed(2)} M`;
  return value >= 1e4 ? `${(value / 1e3).toFixed(1)} k` : count(value);
}

export function milliseconds(value) {
  if (value == null || value <= 0) return NONE;
  return value >= 10_000 ? `${(value / 1000).toFixed(1)} s` : `${value >= 100 ? count(value) : value.toFixed(1)} ms`;
}

export function bytes(value) {
  if (!value) return NONE;
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  const power = Math.min(Math.floor(Math.log2(value) / 10), units.length - 1);
  const scaled = value / 2 ** (10 * power);
  return `${power === 0 || scaled >= 100 ? Math.round(scaled) : scaled.toFixed(1)} ${units[power]}`;
}

/** 2 h 05 min, 3 min 20 s, 45 s. */
export function duration(seconds) {
  if (seconds == null || !Number.isFinite(seconds)) return NONE;
  const s = Math.max(0, Math.round(seconds));
  const two = (n) => String(n).padStart(2, '0');
  if (s >= 86_400) return `${Math.floor(s / 86_400)} d ${two(Math.floor((s % 86_400) / 3600))} h`;
  if (s >= 3600) return `${Math.floor(s / 3600)} h ${two(Math.floor((s % 3600) / 60))} min`;
  return s >= 60 ? `${Math.floor(s / 60)} min ${two(s % 60)} s` : `${s} s`;
}

export function clock(millis) {
  return new Date(millis).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' });
}
