import type { ShapeClass } from '../../datasets/registry.js';

/** Signed distance to an outline of about unit radius: negative inside. */
type Distance = (x: number, y: number) => number;

function regularPolygon(corners: number, inner = 1): number[] {
  const points: number[] = [];
  const count = inner === 1 ? corners : 2 * corners;
  for (let index = 0; index < count; index++) {
    const angle = (2 * Math.PI * index) / count - Math.PI / 2;
    const radius = index % 2 === 1 ? inner : 1;
    points.push(radius * Math.cos(angle), radius * Math.sin(angle));
  }
  return points;
}

/** The classic heart curve x = 16 sin^3 t, y = 13 cos t - 5 cos 2t - 2 cos 3t - cos 4t, as a polygon. */
function heartPolygon(corners: number): number[] {
  const points: number[] = [];
  for (let index = 0; index < corners; index++) {
    const t = (2 * Math.PI * index) / corners;
    const y = 13 * Math.cos(t) - 5 * Math.cos(2 * t) - 2 * Math.cos(3 * t) - Math.cos(4 * t);
    points.push((16 * Math.sin(t) ** 3) / 16, -(y + 2) / 15);
  }
  return points;
}

/** Exact distance to a polygon's edges, with the sign of the even-odd rule. `points` holds x, y pairs. */
function polygon(points: readonly number[]): Distance {
  const corners = Float64Array.from(points);
  return (x, y) => {
    let nearest = Number.POSITIVE_INFINITY;
    let inside = false;
    let fromX = corners[corners.length - 2];
    let fromY = corners[corners.length - 1];
    for (let index = 0; index < corners.length; index += 2) {
      const toX = corners[index];
      const toY = corners[index + 1];
      const edgeX = toX - fromX;
      const edgeY = toY - fromY;
      const along = Math.min(1, Math.max(0, ((x - fromX) * edgeX + (y - fromY) * edgeY) / (edgeX * edgeX + edgeY * edgeY)));
      const offX = x - fromX - along * edgeX;
      const offY = y - fromY - along * edgeY;
      nearest = Math.min(nearest, offX * offX + offY * offY);
      if (fromY > y !== toY > y && x < fromX + (edgeX * (y - fromY)) / edgeY) inside = !inside;
      fromX = toX;
      fromY = toY;
    }
    return inside ? -Math.sqrt(nearest) : Math.sqrt(nearest);
  };
}

/** Math.hypot guards against overflow and is many times slower. */
export function distance(x: number, y: number): number {
  return Math.sqrt(x * x + y * y);
}

function disc(radius: number, centreX = 0): Distance {
  return (x, y) => distance(x - centreX, y) - radius;
}

const ARM = 0.32;
const CROSS = [-ARM, -1, ARM, -1, ARM, -ARM, 1, -ARM, 1, ARM, ARM, ARM, ARM, 1, -ARM, 1, -ARM, ARM, -1, ARM, -1, -ARM, -ARM, -ARM];
const ARROW = [1, 0, 0.15, -0.8, 0.15, -0.3, -0.95, -0.3, -0.95, 0.3, 0.15, 0.3, 0.15, 0.8];

const HOURGLASS = [-0.85, -0.95, 0.85, -0.95, 0.15, 0, 0.85, 0.95, -0.85, 0.95, -0.15, 0];

const wholeDisc = disc(0.9);
const bite = disc(0.75, 0.45);

/** The sizes are chosen so that all cover similar areas. */
export const OUTLINES: Readonly<Record<ShapeClass, Distance>> = {
  circle: wholeDisc,
  square: polygon([-0.78, -0.78, 0.78, -0.78, 0.78, 0.78, -0.78, 0.78]),
  triangle: polygon(regularPolygon(3).map((value) => value * 1.15)),
  star: polygon(regularPolygon(5, 0.45).map((value) => value * 1.1)),
  ring: (x, y) => Math.abs(distance(x, y) - 0.72) - 0.24,
  cross: polygon(CROSS),
  heart: polygon(heartPolygon(24)),
  crescent: (x, y) => Math.max(wholeDisc(x, y), -bite(x, y)),
  arrow: polygon(ARROW),
  hourglass: polygon(HOURGLASS),
};

/** Beyond this distance from the centre, in units of the radius, no outline has any part. */
export const OUTLINE_REACH = 1.25;
