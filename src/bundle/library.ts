/** What dist/index.js exports. */
import { loadBundle } from './bundle.js';

export const library = loadBundle(__dirname, require).exports.library();
