/** Identities of this process that Node.js does not give as they are. */
import { native } from './native.js';

/** Supplementary groups, by getgroups(2). Node.js's own function adds the effective group. */
export const supplementaryGroups = (): readonly number[] => native.supplementaryGroups();
