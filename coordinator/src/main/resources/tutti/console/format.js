// Numbers and times for people.

export const NONE = '–';

export function count(value) {
  return value == null ? NONE : Math.round(value).toLocaleString('en-US');
}

/** Four significant digits, small ones as 2.00e-5; short: without the zeros that only say how exact it is. */
export function number(value, short = false) {
  if (value == null) return NONE;
  if (value === 0) return '0';
  const size = Math.abs(value);
  if (size < 1e-3 || size >= 1e6) return value.toExponential(2).replace(short ? /\.?0+e/ : /^$/, 'e');
  if (size >= 1000) return count(value);
  return short ? String(Number(value.toPrecision(4))) : value.toPrecision(4);
}

export function rate(value, short = false) {
  if (value == null) return NONE;
  const scaled = (size, digits) => (short ? String(Number((value / size).toFixed(digits))) : (value / size).toFixed(digits));
  if (value >= 1e6) return `${scaled(1e6, 2)} M`;
  return value >= 1e4 ? `${scaled(1e3, 1)} k` : count(value);
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
