/** The short ones of CPython's own tests; `npm run test:cpython` runs the long ones, too. */
import { expect, it } from 'vitest';

import { compare, staleRows } from '../cpython/compare.js';
import { knownDifferences } from '../cpython/known-differences.js';
import { cpythonLack, runModule } from '../cpython/run-module.js';
import { describePlatforms } from './platforms.js';
import { patience } from '../patience.js';

const lacking = cpythonLack();
const options = { timeout: patience(180_000), meta: lacking === undefined ? {} : { lacking } };

describePlatforms("CPython's own tests", (platform) => {
  for (const module of ['test_os', 'test_posix', 'test_mmap', 'test_select']) {
    it.skipIf(lacking !== undefined)(
      `${module} ends as natively, case by case`,
      options,
      async () => {
        const [native, guest] = await Promise.all([
          runModule(module, 'native'),
          runModule(module, platform),
        ]);
        expect((await compare(module, platform, native, guest)).news).toEqual([]);
        expect(native.size).toBeGreaterThan(5);
      },
    );
  }

  for (const { name } of knownDifferences()) {
    it.skipIf(lacking !== undefined)(`${name} ends as the table says`, options, async () => {
      const module = /^test\.(test_[a-z]+)/.exec(name)?.[1] ?? name;
      const guest = await runModule(module, platform, [name]);
      expect([...guest.keys()]).toEqual([name]);
      expect(staleRows(guest)).toEqual([]);
    });
  }
});
