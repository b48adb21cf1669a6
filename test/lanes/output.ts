/** What a lane prints: its own progress, and what its machines say. */

export function progress(step: string): void {
  process.stdout.write(`lane: ${step}\n`);
}

const COUNTS = /^(\d+) passed, (\d+) failed, (\d+) skipped$/;

/** What one machine says: held back until it is shown, and passed on at once from then on. */
export class Output {
  #held: string[] | undefined = [];
  #counts: readonly number[] = [0, 0, 0];

  /** The counts in the last lines of several machines' tests, in one line of the same form. */
  static sum(outputs: readonly Output[]): string {
    const [passed = 0, failed = 0, skipped = 0] = [0, 1, 2].map((index) =>
      outputs.reduce((total, output) => total + (output.#counts[index] ?? 0), 0),
    );
    return `${passed} passed, ${failed} failed, ${skipped} skipped`;
  }

  /** `text` without its last newline. */
  write(text: string): void {
    const counts = COUNTS.exec(text);
    if (counts !== null) this.#counts = counts.slice(1).map(Number);
    if (this.#held === undefined) process.stdout.write(`${text}\n`);
    else this.#held.push(text);
  }

  show(): void {
    for (const text of this.#held ?? []) process.stdout.write(`${text}\n`);
    this.#held = undefined;
  }
}
