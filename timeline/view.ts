/** The part of the time that is shown, in microseconds. It stays within the trace. */
const SHORTEST = 2;

export class View {
  begin = 0;
  end: number;
  readonly #whole: number;

  constructor(whole: number) {
    this.#whole = whole;
    this.end = whole;
  }

  get span(): number {
    return this.end - this.begin;
  }

  /** Shows `factor` times as much time; `at` stays where it is. */
  zoom(factor: number, at: number): void {
    const span = Math.min(Math.max(this.span * factor, SHORTEST), this.#whole);
    const begin = at - ((at - this.begin) / this.span) * span;
    this.#show(begin, span);
  }

  move(distance: number): void {
    this.#show(this.begin + distance, this.span);
  }

  showAll(): void {
    this.#show(0, this.#whole);
  }

  #show(begin: number, span: number): void {
    this.begin = Math.min(Math.max(begin, 0), this.#whole - span);
    this.end = this.begin + span;
  }
}
