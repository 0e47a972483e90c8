// A real Chromium, driven by its DevTools protocol over a pipe: no package is needed for that.

import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const PROGRAMS = ["chromium-headless-shell", "chromium"];
const PATIENCE = 30000;

function launch(program, folder) {
  const child = spawn(program, [
    "--headless", "--remote-debugging-pipe", `--user-data-dir=${folder}`, "--no-first-run", "--disable-gpu",
    "--disable-dev-shm-usage", "--hide-scrollbars", "--force-color-profile=srgb",
    // The sandbox cannot be set up by root, as which CI runs. The pages are our own.
    ...(process.getuid() === 0 ? ["--no-sandbox"] : []), "about:blank",
    // A group of its own: Debian's program is a script around the browser, and ends without it.
  ], { stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"], detached: true });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("spawn", () => resolve(child));
  });
}

export class Browser {
  #child; #folder; #ended; #waiting = new Map(); #listeners = new Set(); #lastId = 0; #rest = "";

  static async start() {
    const browser = new Browser();
    browser.#folder = mkdtempSync(join(tmpdir(), "explore-browser-"));
    for (const program of PROGRAMS) {
      try {
        browser.#child = await launch(program, browser.#folder);
        break;
      } catch (problem) {
        if (problem.code !== "ENOENT") throw problem;
      }
    }
    if (!browser.#child) throw new Error(`none of ${PROGRAMS.join(", ")} is installed (Debian packages of these names)`);
    browser.#ended = new Promise((resolve) => browser.#child.once("exit", resolve)).then(() => browser.#failWaiting());
    // Writing to a browser that has ended fails here, too.
    browser.#child.stdio[3].on("error", () => browser.#failWaiting());
    browser.#child.stdio[4].setEncoding("utf8");
    browser.#child.stdio[4].on("data", (text) => browser.#receive(text));
    return browser;
  }

  #receive(text) {
    const messages = (this.#rest + text).split("\0");
    this.#rest = messages.pop();
    for (const message of messages.map((one) => JSON.parse(one))) {
      const waiting = this.#waiting.get(message.id);
      if (waiting) {
        this.#waiting.delete(message.id);
        if (message.error) waiting.reject(new Error(`${waiting.method}: ${message.error.message}`));
        else waiting.resolve(message.result);
      } else {
        for (const listener of this.#listeners) listener(message);
      }
    }
  }

  #failWaiting() {
    for (const { reject, method } of this.#waiting.values()) reject(new Error(`${method}: the browser has ended`));
    this.#waiting.clear();
  }

  send(method, params = {}, sessionId = undefined) {
    const id = ++this.#lastId;
    this.#child.stdio[3].write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
    return new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject, method }));
  }

  listen(listener) { this.#listeners.add(listener); }

  async page(size = { width: 1280, height: 900 }, { dark = false } = {}) {
    const { targetId } = await this.send("Target.createTarget", { url: "about:blank" });
    const { sessionId } = await this.send("Target.attachToTarget", { targetId, flatten: true });
    const page = new Page(this, sessionId, targetId);
    await page.prepare(size, dark);
    return page;
  }

  async stop() {
    this.send("Browser.close").catch(() => {});
    const late = setTimeout(() => process.kill(-this.#child.pid, "SIGKILL"), PATIENCE);
    await this.#ended;
    clearTimeout(late);
    // What is left of the browser could hold the other ends, and Node.js would wait for them.
    for (const pipe of [this.#child.stdio[3], this.#child.stdio[4]]) pipe.destroy();
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }
}

export class Page {
  // Addresses that anything asked for, and what went wrong.
  requests = []; problems = [];
  #browser; #session; #target;

  constructor(browser, session, target) {
    this.#browser = browser;
    this.#session = session;
    this.#target = target;
    browser.listen(({ sessionId, method, params }) => {
      if (sessionId !== session) return;
      if (method === "Network.requestWillBeSent") this.requests.push(params.request.url);
      if (method === "Runtime.exceptionThrown") {
        this.problems.push(params.exceptionDetails.exception?.description ?? params.exceptionDetails.text);
      }
      if (method === "Log.entryAdded" && ["error", "warning"].includes(params.entry.level)) this.problems.push(params.entry.text);
      if (method === "Runtime.consoleAPICalled" && ["error", "warning"].includes(params.type)) {
        this.problems.push(params.args.map((arg) => arg.value).join(" "));
      }
    });
  }

  send(method, params) { return this.#browser.send(method, params, this.#session); }

  async prepare({ width, height }, dark) {
    for (const domain of ["Page", "Runtime", "Network", "Log"]) await this.send(`${domain}.enable`);
    await this.send("Emulation.setDeviceMetricsOverride", {
      width, height, deviceScaleFactor: 1, mobile: width < 500,
    });
    await this.send("Emulation.setEmulatedMedia", {
      features: [{ name: "prefers-color-scheme", value: dark ? "dark" : "light" }],
    });
  }

  // The value of an expression, which may be a promise.
  async evaluate(expression) {
    const { result, exceptionDetails } = await this.send("Runtime.evaluate", {
      expression, awaitPromise: true, returnByValue: true, userGesture: true,
    });
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    return result.value;
  }

  async until(expression) {
    const end = Date.now() + PATIENCE;
    while (!(await this.evaluate(expression))) {
      if (Date.now() > end) throw new Error(`never came: ${expression}`);
      await new Promise((resolve) => setTimeout(resolve, 15));
    }
  }

  // Opens a page anew, and waits until it shows something.
  async open(url) {
    await this.send("Page.navigate", { url: "about:blank" });
    await this.send("Page.navigate", { url });
    await this.until("document.querySelector('main[data-ready] h1') !== null");
  }

  // Goes to an address within the page.
  async go(hash) {
    await this.evaluate(`new Promise((resolve) => {
      if (location.hash === ${JSON.stringify(hash.replace(/^#$/, ""))}) return resolve();
      addEventListener("hashchange", () => setTimeout(resolve), { once: true });
      location.hash = ${JSON.stringify(hash)};
    })`);
  }

  async press(key, code = key, text = undefined) {
    const keys = { Enter: 13, Tab: 9, ArrowRight: 39, ArrowLeft: 37, ArrowDown: 40, ArrowUp: 38 };
    const params = { key, code, windowsVirtualKeyCode: keys[key], text: key === "Enter" ? "\r" : text };
    await this.send("Input.dispatchKeyEvent", { type: "keyDown", ...params });
    await this.send("Input.dispatchKeyEvent", { type: "keyUp", ...params });
  }

  async screenshot() {
    const { data } = await this.send("Page.captureScreenshot", { format: "png" });
    return Buffer.from(data, "base64");
  }

  async close() { await this.#browser.send("Target.closeTarget", { targetId: this.#target }); }
}
