/** The longest time that setTimeout takes. */
const LONGEST = 2 ** 31 - 1;

/** Calls `act` once, `milliseconds` from now (`Infinity`: never), unless the function given back is called first. */
export function after(milliseconds: number, act: () => void): () => void {
  const due = performance.now() + milliseconds;
  let timer: NodeJS.Timeout;
  const check = (): void => {
    const left = due - performance.now();
    if (left > 0) wait(left);
    else act();
  };
  const wait = (left: number): void => {
    timer = setTimeout(check, Math.min(Math.ceil(left), LONGEST));
  };
  wait(Math.max(milliseconds, 0));
  return () => {
    clearTimeout(timer);
  };
}
