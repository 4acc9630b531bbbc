// Numbers of the server as GET /metrics tells them, and what can be said from two of these.

interface Series {
  labels: Record<string, string>;
  value: number;
}

export type Labels = Record<string, string>;

const kLine = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/;
const kLabel = /(\w+)="((?:[^"\\]|\\.)*)"/g;

function numberOf(text: string): number {
  return text === '+Inf' ? Infinity : Number(text);
}

// One scrape. Histograms are their series of buckets.
export class Metrics {
  private readonly series = new Map<string, Series[]>();

  constructor(text: string) {
    for (const line of text.split('\n')) {
      const found = line.startsWith('#') ? null : kLine.exec(line);
      if (found === null) continue;
      const labels: Labels = {};
      for (const [, name, value] of (found[2] ?? '').matchAll(kLabel)) {
        labels[name] = value.replace(/\\(.)/g, '$1');
      }
      const all = this.series.get(found[1]) ?? [];
      all.push({ labels, value: numberOf(found[3]) });
      this.series.set(found[1], all);
    }
  }

  // The values of `label` that a metric has.
  values(name: string, label: string): string[] {
    return [...new Set((this.series.get(name) ?? []).map((one) => one.labels[label] ?? ''))].sort();
  }

  // Of all series with these labels; 0 when there are none.
  sum(name: string, labels: Labels = {}): number {
    return this.matching(name, labels).reduce((sum, one) => sum + one.value, 0);
  }

  // Cumulative counts by upper bound, ascending; series that differ in other labels are added.
  buckets(name: string, labels: Labels = {}): [number, number][] {
    const counts = new Map<number, number>();
    for (const { labels: own, value } of this.matching(`${name}_bucket`, labels)) {
      const bound = numberOf(own.le);
      counts.set(bound, (counts.get(bound) ?? 0) + value);
    }
    return [...counts].sort((a, b) => a[0] - b[0]);
  }

  private matching(name: string, labels: Labels): Series[] {
    const wanted = Object.entries(labels);
    return (this.series.get(name) ?? [])
      .filter((one) => wanted.every(([label, value]) => one.labels[label] === value));
  }
}

// What was observed between two scrapes, without `before` since the start; as buckets().
export function observed(after: [number, number][], before?: [number, number][]): [number, number][] {
  const old = new Map(before ?? []);
  return after.map(([bound, sum]) => [bound, sum - (old.get(bound) ?? 0)]);
}

// Below which `share` of what was observed lies, as promql's histogram_quantile tells it; null
// when nothing was observed.
export function quantile(buckets: [number, number][], share: number): number | null {
  const total = buckets.length === 0 ? 0 : buckets[buckets.length - 1][1];
  if (total <= 0) return null;
  const rank = share * total;
  let low = 0;
  let below = 0;
  for (const [bound, sum] of buckets) {
    if (sum >= rank) {
      if (bound === Infinity) return low;
      return sum === below ? bound : low + (bound - low) * (rank - below) / (sum - below);
    }
    low = bound;
    below = sum;
  }
  return low;
}
