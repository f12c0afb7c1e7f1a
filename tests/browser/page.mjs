// The page as a person sees it: a real daemon with its sample wallet, broken and
// mended, in headless Chromium; both languages, light and dark, phone and desktop,
// with and without script. Writes every picture to target/pictures.
//
//   node tests/browser/page.mjs [--keep DIR]     DIR also receives the pictures

import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { mkdtempSync, mkdirSync, readFileSync, rmSync, writeFileSync, copyFileSync, readdirSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const root = resolve(import.meta.dirname, "../..");
const require = createRequire(join(root, "target/browser-tools/package.json"));
const { chromium } = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
const pictures = join(root, "target/pictures");
rmSync(pictures, { recursive: true, force: true });
mkdirSync(pictures, { recursive: true });

let passed = 0;
let failed = 0;
function check(held, what) {
  if (held) passed += 1;
  else {
    failed += 1;
    console.log(`FAILED: ${what}`);
  }
}
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
async function until(what, ready, patience = 60_000) {
  const began = Date.now();
  for (;;) {
    const found = await ready().catch(() => undefined);
    if (found) return found;
    if (Date.now() - began > patience) throw new Error(`waited in vain until ${what}`);
    await sleep(100);
  }
}
const freePort = () =>
  new Promise((done) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => done(port));
    });
  });

// ---- a daemon of our own, with the shipped config on other ports
const dir = mkdtempSync(join(tmpdir(), "porchlight-"));
const [page, wallet, control] = [await freePort(), await freePort(), await freePort()];
const tomorrow = new Date(Date.now() + 86_400_000).toISOString().slice(0, 19) + "Z";
const later = new Date(Date.now() + 97_200_000).toISOString().slice(0, 19) + "Z";
let config = readFileSync(join(root, "config.toml"), "utf8")
  .replaceAll("127.0.0.1:8080", `127.0.0.1:${page}`)
  .replaceAll("127.0.0.1:8081", `127.0.0.1:${wallet}`)
  .replaceAll("127.0.0.1:8082", `127.0.0.1:${control}`)
  .replace(/^data = .*$/m, `data = ${JSON.stringify(join(dir, "data"))}`);
config += `
[[maintenance]]
id = "upgrade"
title = { zh = "登录系统升级维护", en = "Sign-in upgrade" }
body = { zh = "期间不能登录；已登录的设备、扫码付款和到账不受影响。", en = "Nobody can sign in meanwhile; devices already signed in are not affected." }
components = ["web", "app"]
starts_at = ${tomorrow}
ends_at = ${later}
`;
if (!config.includes(join(dir, "data"))) config = `${config.replace("[store]", `[store]\ndata = ${JSON.stringify(join(dir, "data"))}`)}`;
writeFileSync(join(dir, "config.toml"), config);
const daemon = spawn(join(root, "target/debug/porchlight"), ["--config", join(dir, "config.toml")], { stdio: ["ignore", "pipe", "pipe"] });
let log = "";
daemon.stdout.on("data", (text) => (log += text));
daemon.stderr.on("data", (text) => (log += text));
const base = `http://127.0.0.1:${page}`;
const summary = async () => (await fetch(`${base}/api/v1/summary.json`)).json();
const verdict = (wanted) => until(`the verdict is ${wanted}`, async () => (await summary()).verdict === wanted);
async function set(door, mode) {
  const body = JSON.stringify({ door, mode });
  const answer = await fetch(`http://127.0.0.1:${control}/api/break`, { method: "POST", headers: { "content-type": "application/json" }, body });
  if (!answer.ok) throw new Error(`break ${door} ${mode}: ${answer.status}`);
}

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});

const phone = { width: 390, height: 844 };
const desktop = { width: 1280, height: 900 };

/** Opens a path in one way of looking, checks what must hold everywhere, takes a picture. */
async function look(path, name, { viewport = phone, colorScheme = "light", script = true, origin = base, judge } = {}) {
  const context = await browser.newContext({ viewport, colorScheme, javaScriptEnabled: script, deviceScaleFactor: 2, locale: "zh-CN" });
  const tab = await context.newPage();
  const foreign = [];
  const errors = [];
  tab.on("request", (request) => {
    if (!request.url().startsWith(origin) && !request.url().startsWith("data:")) foreign.push(request.url());
  });
  tab.on("console", (message) => message.type() === "error" && errors.push(message.text()));
  tab.on("pageerror", (error) => errors.push(String(error)));
  await tab.goto(origin + path);
  check(foreign.length === 0, `${name}: third-party requests ${foreign}`);
  const [h1, width] = [await tab.locator("h1").innerText(), viewport.width];
  check(h1.trim().length > 0, `${name}: no verdict`);
  if (script) {
    const overflow = await tab.evaluate(() => document.documentElement.scrollWidth);
    check(overflow <= width, `${name}: ${overflow} px wide in ${width}`);
    // The policy allows no foreign script, so the checker comes in by the debugger.
    const faults = await tab.evaluate(`${axe}; axe.run({ resultTypes: ["violations"] }).then((it) => it.violations.map((v) => v.id + ": " + v.nodes.map((n) => n.target.join(" ")).join(", ")))`);
    check(faults.length === 0, `${name}: accessibility ${JSON.stringify(faults)}`);
  }
  await tab.screenshot({ path: join(pictures, `${name}.png`), fullPage: true });
  check(errors.length === 0, `${name}: console ${errors}`);
  if (judge) await judge(tab, h1);
  await context.close();
}

/** The same state in both languages, both themes, both sizes, with and without script.
 * `words` are the verdict's own, or a table of them when the verdict moves on meanwhile. */
async function lookAround(state, words) {
  const reads = async (lang, before, h1, where) => {
    // The page was rendered between these two answers.
    const said = words.zh ? [words] : [words[before], words[(await summary()).verdict]];
    const read = h1.replace(/\s/g, "");
    check(said.some((it) => it && read.includes(it[lang].replace(/\s/g, ""))), `${where}: the verdict reads ${h1}`);
  };
  for (const [lang, path] of [["zh", "/"], ["en", "/en/"]]) {
    for (const [size, viewport] of [["phone", phone], ["desktop", desktop]]) {
      for (const colorScheme of ["light", "dark"]) {
        const before = (await summary()).verdict;
        await look(path, `${state}.${lang}-${size}-${colorScheme}`, {
          viewport,
          colorScheme,
          judge: (tab, h1) => reads(lang, before, h1, `${state}.${lang}`),
        });
      }
    }
    const before = (await summary()).verdict;
    await look(path, `${state}.${lang}-phone-noscript`, { script: false, judge: (tab, h1) => reads(lang, before, h1, `${state}.${lang} without script`) });
  }
}

try {
  await until("the page answers", async () => (await fetch(base)).ok);
  await verdict("yes");
  await lookAround("yes", { zh: "现在可以登录", en: "You can log in now" });
  await look("/c/web", "component.zh-phone-light", { judge: async (tab) => check((await tab.locator("table").count()) > 0, "the component page has a table") });
  await look("/en/c/web", "component.en-desktop-dark", { viewport: desktop, colorScheme: "dark" });
  await look("/", "narrow.zh-320", { viewport: { width: 320, height: 700 } });

  // The sample wallet's own pages, and the one that breaks it.
  const [ours, breaks] = [`http://127.0.0.1:${wallet}`, `http://127.0.0.1:${control}`];
  for (const [size, viewport] of [["phone", phone], ["desktop", desktop]]) {
    for (const colorScheme of ["light", "dark"]) {
      await look("/", `break.${size}-${colorScheme}`, { viewport, colorScheme, origin: breaks, judge: async (tab) => check((await tab.locator("form[action='/break']").count()) === 8, "a form for each door and one for all") });
      for (const path of ["login", "sms", "email", "totp", "phone"]) await look(`/${path}`, `wallet-${path}.${size}-${colorScheme}`, { viewport, colorScheme, origin: ours });
    }
  }
  await look("/", "break-pressed.phone-light", {
    origin: breaks,
    judge: async (tab) => {
      await tab.locator("summary#sms").click();
      await tab.locator("form:has(input[value=sms]) button[value=code_lost]").click();
      const modes = await (await fetch(`${breaks}/api/break`)).json();
      check(modes.sms === "code_lost" && modes.email === "works", `a pressed button breaks one door: ${JSON.stringify(modes)}`);
      await set("sms", "works");
    },
  });
  // Signing in as a person does: the code is asked for, arrives beside the form, and is typed in.
  await look("/sms", "wallet-sms-code.phone-light", {
    origin: ours,
    judge: async (tab) => {
      await tab.fill("input[name=phone]", "10000000000");
      await tab.click("#login button");
      const code = await tab.locator(".phone .code").innerText();
      await tab.screenshot({ path: join(pictures, "wallet-code.phone-light.png"), fullPage: true });
      await tab.fill("input[name=code]", code);
      await tab.click("#login button");
      check((await tab.locator("#account").count()) === 1, "the code that arrived signs in");
      await tab.click("#logout button");
    },
  });

  // A page left open turns by itself when the login breaks, and when the daemon is gone.
  const context = await browser.newContext({ viewport: phone });
  const open = await context.newPage();
  await open.goto(`${base}/en/`);
  const began = Date.now();
  await set("app", "error503");
  await verdict("partial");
  const shown = (Date.now() - began) / 1000;
  console.log(`broken, and said so on the page after ${shown.toFixed(1)} s`);
  check(shown < 15, `it took ${shown} s to say so`);
  await lookAround("partial", { zh: "部分用户", en: "Some" });
  await until("the open page says so too", async () => !(await open.locator("h1").innerText()).includes("You can log in now"));

  await set("all", "refuse");
  await verdict("no");
  await lookAround("no", { zh: "暂时无法登录", en: "can’t log in right now" });
  await look("/c/app", "component-down.zh-phone-dark", { colorScheme: "dark" });

  const mended = Date.now();
  await set("all", "works");
  await until("it recovers", async () => ["recovering", "yes"].includes((await summary()).verdict));
  console.log(`mended, and said so after ${((Date.now() - mended) / 1000).toFixed(1)} s`);
  await lookAround("recovering", {
    recovering: { zh: "正在恢复，可稍后重试", en: "Login is coming back" },
    yes: { zh: "现在可以登录", en: "You can log in now" },
  });

  // Chromium's text for print and for forced colours must not lose the state word.
  const forced = await browser.newContext({ viewport: phone, forcedColors: "active" });
  const tab = await forced.newPage();
  await tab.goto(base);
  await tab.screenshot({ path: join(pictures, "forced-colors.zh-phone.png"), fullPage: true });
  await forced.close();

  daemon.kill("SIGKILL");
  await until("the page left open says that it cannot tell", async () => (await open.locator("h1").innerText()).toLowerCase().includes("tell"), 120_000);
  passed += 1;
  await open.screenshot({ path: join(pictures, "left-open.en-phone.png"), fullPage: true });
} catch (error) {
  failed += 1;
  console.log(`FAILED: ${error.stack ?? error}`);
  console.log(log.split("\n").slice(-15).join("\n"));
} finally {
  daemon.kill("SIGKILL");
  await browser.close();
  rmSync(dir, { recursive: true, force: true });
}

const keep = process.argv.indexOf("--keep");
if (keep > 0) for (const file of readdirSync(pictures)) copyFileSync(join(pictures, file), join(process.argv[keep + 1], file));
console.log(`pictures in target/pictures\n${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
