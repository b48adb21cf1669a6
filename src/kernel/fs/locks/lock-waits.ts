/** Who waits for whom on the way to a lock: where that goes in a circle nobody would ever get one. */
const waits = new Map<object, object>();

/** Whether `owner`, if it waited for `holder`, would wait for itself. */
export function wouldDeadlock(owner: object, holder: object): boolean {
  let next: object | undefined = holder;
  for (let steps = 0; next !== undefined && steps <= waits.size; steps++) {
    if (next === owner) {
      return true;
    }
    next = waits.get(next);
  }
  return false;
}

/** Notes that `owner` waits, until the function given back is called. */
export function noteWait(owner: object, holder: object): () => void {
  waits.set(owner, holder);
  return () => {
    waits.delete(owner);
  };
}
