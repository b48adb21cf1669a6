/**
 * Counts path walks. What a walk learned of a host file on its way is taken as fresh only until the next one: a
 * stat(2) needs no second look at the host, and later calls do not see what is old.
 */
export const lookupEpoch = { current: 0 };
