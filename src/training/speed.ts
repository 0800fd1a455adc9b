/** How fast a process trains: images and milliseconds of training alone, since the epoch began or since it took the epoch up. */
export class Speed {
  private images = 0;
  private ms = 0;
  /** Milliseconds of the last run over the test images. */
  testMs = 0;

  /** `images` may be negative: steps that were taken back. */
  addImages(images: number): void {
    this.images += images;
  }

  /** `ms` may be negative: time that was no training and that the next reading of the clock will hold. */
  addTime(ms: number): void {
    this.ms += ms;
  }

  endEpoch(): void {
    this.images = 0;
    this.ms = 0;
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
