/** The page of `ringfence trace --html`, looked at in a real browser. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';

import { Browser, browserPath } from '../cli/browser.js';
import { ringfence, run } from './outcome.js';
import { describePlatforms } from './platforms.js';

const missing = browserPath === undefined;
const lacking = missing ? { meta: { lacking: 'not installed: chromium-headless-shell' } } : {};

/** What a guest may say to take the page over. */
const HOSTILE = `</script><script>document.title='taken'</script><img src=x onerror="document.title='taken'">`;

/** Where the lanes are in a window of 1000 by 600. */
const PLACE =
  "(() => { const r = document.getElementById('calls').getBoundingClientRect(); return [r.left, r.top, r.width]; })()";
const RANGE = "document.getElementById('range').value";
const DETAILS = "document.getElementById('details').textContent";
/** Pixels of the canvas that are not empty. */
const DRAWN = `(() => {
  const canvas = document.getElementById('calls');
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  let count = 0;
  for (let at = 3; at < data.length; at += 4) if (data[at] > 0) count++;
  return count;
})()`;

async function writePage(path: string): Promise<void> {
  const script = 'echo "$1" | /bin/cat; /bin/sleep 0.2; exit 3';
  const command = ['/bin/dash', '-c', script, 'sh', HOSTILE];
  const options = ['-f', '-s', '500', '--html', path];
  const { status } = await run(ringfence(command, options, 'trace'));
  expect(status).toBe(3);
}

function spanOf(range: string): number {
  const units = { µs: 1, ms: 1e3, s: 1e6 } as const;
  const times = [...range.matchAll(/([\d.]+) (µs|ms|s)\b/g)].map(
    ([, number, unit]) => Number(number) * units[unit as keyof typeof units],
  );
  return (times[1] ?? NaN) - (times[0] ?? NaN);
}

describePlatforms('a timeline', () => {
  let folder: string;
  let page: string;
  let browser: Browser | undefined;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'ringfence-'));
    page = join(folder, 'page.html');
    await writePage(page);
    if (browserPath === undefined) return;
    browser = await Browser.open(browserPath, pathToFileURL(page).href);
    await browser.painted();
  });
  afterAll(async () => {
    await browser?.close();
    rmSync(folder, { recursive: true });
  });

  function opened(): Browser {
    if (browser === undefined) throw new Error('no browser');
    return browser;
  }

  it('is one page that asks for nothing else', () => {
    const whole = readFileSync(page, 'utf8');
    const text = whole.slice(0, whole.indexOf('id="trace"'));
    expect(text).not.toMatch(/(src|href)=|@import|url\(/i);
    expect(text).toMatch(/default-src 'none'/);
    expect(whole).not.toContain('<img');
  });

  it.skipIf(missing)('has a lane for each task, and all calls', lacking, async () => {
    const tasks = await opened().evaluate<string>("document.getElementById('tasks').innerText");
    expect(tasks.split('\n')).toEqual([
      expect.stringMatching(/^1 dash$/),
      expect.stringMatching(/^2 dash \(by 1\)$/),
      expect.stringMatching(/^3 cat \(by 1\)$/),
      expect.stringMatching(/^4 sleep \(by 1\)$/),
    ]);
    const lines = readFileSync(page, 'utf8').match(/^\["call",/gm)?.length;
    expect(await opened().evaluate(RANGE)).toContain(`, ${String(lines)} calls, 4 tasks`);
    expect(await opened().evaluate<number>(DRAWN)).toBeGreaterThan(1000);
  });

  it.skipIf(missing)(
    'zooms about the pointer, moves, and goes back to the whole',
    lacking,
    async () => {
      const whole = await opened().evaluate<string>(RANGE);
      const [left, top, width] = await opened().evaluate<[number, number, number]>(PLACE);
      await opened().mouse('mouseWheel', left + width / 2, top + 40, { deltaX: 0, deltaY: -1000 });
      const near = await opened().evaluate<string>(RANGE);
      expect(spanOf(near)).toBeLessThan(spanOf(whole) / 2);
      await opened().mouse('mousePressed', left + 300, top + 40, { button: 'left', buttons: 1 });
      await opened().mouse('mouseMoved', left + 200, top + 40, { button: 'left', buttons: 1 });
      await opened().mouse('mouseReleased', left + 200, top + 40, { button: 'left' });
      const beside = await opened().evaluate<string>(RANGE);
      expect(beside).not.toBe(near);
      expect(spanOf(beside)).toBeCloseTo(spanOf(near), -1);
      await opened().evaluate("document.getElementById('timeline').focus()");
      await opened().key('+');
      expect(spanOf(await opened().evaluate<string>(RANGE))).toBeLessThan(spanOf(beside));
      await opened().key('0');
      expect(await opened().evaluate(RANGE)).toBe(whole);
    },
  );

  it.skipIf(missing)('says which call is under the pointer', lacking, async () => {
    const [left, top, width] = await opened().evaluate<[number, number, number]>(PLACE);
    // The fourth lane sleeps for most of the end.
    await opened().mouse('mouseMoved', left + width * 0.9, top + 24 + 3.5 * 26);
    const text = await opened().evaluate<string>(DETAILS);
    expect(text).toMatch(/^4 at .*\n(clock_)?nanosleep\(/);
  });

  it.skipIf(missing)('takes nothing of what a guest says for its own', lacking, async () => {
    expect(readFileSync(page, 'utf8')).toContain('document.title');
    expect(await opened().evaluate('document.title')).toBe('System calls');
    expect(await opened().evaluate("document.querySelectorAll('img').length")).toBe(0);
    expect(opened().errors).toEqual([]);
  });
});
