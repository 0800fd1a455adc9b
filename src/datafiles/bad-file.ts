/** A file that is damaged, or holds what is not read: why. Whoever knows the file's name makes a diagnostic of it. */
export class BadFile extends Error {
  constructor(why: string) {
    super(why);
    this.name = 'BadFile';
  }
}
