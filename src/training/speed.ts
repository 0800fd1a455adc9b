/** How fast a process trains: images and milliseconds of training alone, since the epoch began or since it took the epoch up. */
export class Speed {
  private images = 0;
  private ms = 0;
  private dataMs = 0;
  /** Milliseconds of the last run over the test images. */
  testMs = 0;

  /** `images` may be negative: steps that were taken back. */
  addImages(images: number): void {
    this.images += images;
  }

  /** `ms` may be negative: time that was no training and that the next reading of the clock will hold. `dataMs`: of it, for batches. */
  addTime(ms: number, dataMs = 0): void {
    this.ms += ms;
    this.dataMs += dataMs;
  }

  endEpoch(): void {
    this.images = 0;
    this.ms = 0;
    this.dataMs = 0;
  }

  /** Of the time of training, in which steps waited for their batches; 0 to 1. */
  get dataShare(): number {
    return this.ms <= 0 ? 0 : Math.min(1, Math.max(0, this.dataMs / this.ms));
  }

  get imagesPerSecond(): number {
    return this.ms === 0 ? 0 : (this.images / this.ms) * 1000;
  }

  /** Until so many images and runs over the test images are done; undefined before it can be told. */
  secondsFor(images: number, tests: number): number | undefined {
    if (this.images === 0) return undefined;
    return ((this.ms / this.images) * images + tests * this.testMs) / 1000;
  }
}
