import { type EpochDivision, stepsPerEpoch } from '../../ir/epoch.js';
import { batchOfPart, partOf } from '../../ir/ranks.js';
import { type BatchSelection, type Collectives, NO_IMAGE } from '../../runtime/backend.js';

type Ranks = Pick<Collectives, 'rank' | 'size'> | undefined;

/** What of a micro-batch a rank has; `batch`: what its functions take, where that is nothing black images. */
export interface OwnPart {
  readonly from: number;
  readonly images: number;
  readonly batch: number;
}

export function ownPart(images: number, ranks: Ranks): OwnPart {
  const part = ranks === undefined ? { from: 0, images } : partOf(images, { count: ranks.size, rank: ranks.rank });
  return { ...part, batch: batchOfPart(part) };
}

/** Whether a place of an epoch is this rank's; undefined: all are. */
export function ownPlaces({
  division,
  ranks,
}: {
  readonly division: EpochDivision;
  readonly ranks?: Ranks;
}): ((place: number) => boolean) | undefined {
  if (ranks === undefined) return undefined;
  const { batch, tail, wholeSteps, accumulate } = division;
  const perEpoch = wholeSteps * batch * accumulate + (tail === undefined ? 0 : tail.before * batch + tail.last);
  if (stepsPerEpoch(division) === 0) return undefined;
  return (anyPlace) => {
    const place = anyPlace % perEpoch;
    const first = Math.floor(place / batch) * batch;
    const { from, images } = ownPart(Math.min(batch, perEpoch - first), ranks);
    return place - first >= from && place - first < from + images;
  };
}

/** Of the batches of all ranks, one behind the other, the part that this one has of each. */
export function selectParts(
  { order, places, mixes, ...batches }: BatchSelection,
  micros: readonly { readonly batch: number; readonly own: OwnPart }[],
): BatchSelection {
  const taken: (number | undefined)[] = [];
  let first = 0;
  for (const { batch, own } of micros) {
    for (let i = 0; i < own.batch; i++) taken.push(own.images === 0 ? undefined : first + own.from + i);
    first += batch;
  }
  const own = (list: Uint32Array, missing: number) => Uint32Array.from(taken, (place) => (place === undefined ? missing : list[place]!));
  return {
    ...batches,
    order: own(order, NO_IMAGE),
    places: places && { own: own(places.own, 0), others: own(places.others, 0) },
    mixes: mixes && taken.map((place) => mixes[place ?? 0]!),
  };
}

/** The batch of a rank that has no image. */
export function fillWithout(
  image: Uint8Array,
  label: Int32Array,
  target: Float32Array | undefined,
  further: Readonly<Record<string, Float32Array>>,
): void {
  image.fill(0);
  label.fill(-1);
  target?.fill(0);
  for (const values of Object.values(further)) values.fill(0);
}
