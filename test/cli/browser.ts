/**
 * A page in a browser without a window, driven by the DevTools protocol through a pipe
 * (https://chromedevtools.github.io/devtools-protocol/).
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';

const NAMES = ['chromium-headless-shell', 'chromium', 'chromium-browser', 'google-chrome'];

/** The browser of this machine; Debian's package is chromium-headless-shell. */
export const browserPath = NAMES.map((name) => join('/usr/bin', name)).find((path) =>
  existsSync(path),
);

interface Message {
  readonly id?: number;
  readonly method?: string;
  readonly params?: unknown;
  readonly result?: unknown;
  readonly error?: { readonly message: string };
}

interface Waiting {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
}

export class Browser {
  readonly #child: ChildProcess;
  readonly #profile = mkdtempSync(join(tmpdir(), 'ringfence-browser-'));
  readonly #waiting = new Map<number, Waiting>();
  readonly #loads: (() => void)[] = [];
  #session: string | undefined;
  #lastId = 0;
  #received = '';
  /** What a page has thrown, printed as an error, or was refused. */
  readonly errors: string[] = [];

  private constructor(path: string) {
    // No sandbox of the browser's own: tests run as root, and the page is ours.
    const flags = ['--headless', '--no-sandbox', '--disable-gpu', '--remote-debugging-pipe'];
    this.#child = spawn(path, [...flags, `--user-data-dir=${this.#profile}`], {
      stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'],
    });
    (this.#child.stdio[4] as Readable).setEncoding('utf8').on('data', (chunk: string) => {
      const messages = (this.#received + chunk).split('\0');
      this.#received = messages.pop() ?? '';
      for (const message of messages) this.#take(JSON.parse(message) as Message);
    });
  }

  static async open(path: string, url: string): Promise<Browser> {
    const browser = new Browser(path);
    const target = { url: 'about:blank', width: 1000, height: 600 };
    const { targetId } = await browser.#send<{ targetId: string }>('Target.createTarget', target);
    const attach = { targetId, flatten: true };
    const { sessionId } = await browser.#send<{ sessionId: string }>(
      'Target.attachToTarget',
      attach,
    );
    browser.#session = sessionId;
    for (const domain of ['Page', 'Runtime', 'Log']) await browser.#send(`${domain}.enable`);
    const loaded = new Promise<void>((resolve) => browser.#loads.push(resolve));
    await browser.#send('Page.navigate', { url });
    await loaded;
    return browser;
  }

  /** The value of an expression in the page. */
  async evaluate<Value>(expression: string): Promise<Value> {
    const request = { expression, returnByValue: true, awaitPromise: true };
    const { result } = await this.#send<{ result: { value: Value } }>('Runtime.evaluate', request);
    return result.value;
  }

  /** Once what has been asked for is on the screen. */
  async painted(): Promise<void> {
    await this.evaluate(
      'new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(0))))',
    );
  }

  async mouse(type: string, x: number, y: number, more: object = {}): Promise<void> {
    await this.#send('Input.dispatchMouseEvent', { type, x, y, ...more });
    await this.painted();
  }

  async key(key: string): Promise<void> {
    await this.#send('Input.dispatchKeyEvent', { type: 'keyDown', key });
    await this.#send('Input.dispatchKeyEvent', { type: 'keyUp', key });
    await this.painted();
  }

  async screenshot(): Promise<Buffer> {
    const { data } = await this.#send<{ data: string }>('Page.captureScreenshot');
    return Buffer.from(data, 'base64');
  }

  async close(): Promise<void> {
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await ended;
    rmSync(this.#profile, { recursive: true, force: true, maxRetries: 5 });
  }

  async #send<Result>(method: string, params: object = {}): Promise<Result> {
    const id = ++this.#lastId;
    const session = this.#session === undefined ? {} : { sessionId: this.#session };
    const answer = new Promise<unknown>((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
    });
    const text = JSON.stringify({ id, method, params, ...session });
    (this.#child.stdio[3] as Writable).write(`${text}\0`);
    return (await answer) as Result;
  }

  #take({ id, method, params, result, error }: Message): void {
    if (id !== undefined) {
      const waiting = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (error === undefined) waiting?.resolve(result);
      else waiting?.reject(new Error(error.message));
    }
    if (method === 'Page.loadEventFired') this.#loads.shift()?.();
    if (method === 'Runtime.exceptionThrown' || method === 'Log.entryAdded') {
      this.errors.push(JSON.stringify(params));
    }
  }
}
