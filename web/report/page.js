// Takes files from a person, gives them to Python in a worker, and shows the report that it makes.
"use strict";

const at = (id) => document.getElementById(id);
const absolute = (address) => new URL(address, location.href).href;
const { runtime, packages, wheels } = document.body.dataset;
const host = new URL(absolute(runtime)).host;

let worker = null;
let name = "";
let began = 0;
let clock = 0;
let links = [];

const state = (now) => {
  document.body.dataset.state = now;
  if (now !== "busy") clearInterval(clock);
};

async function start() {
  // A worker from a blob keeps the content security policy of this page; one from an address does not.
  const code = await Promise.all(["worker.js", "worker.py"].map(async (file) => (await fetch(file)).text()));
  worker = new Worker(URL.createObjectURL(new Blob([code[0]], { type: "text/javascript" })), { type: "module" });
  worker.onmessage = ({ data }) => answers[data.kind](data);
  worker.onerror = (event) => fail(event.message || "The worker of this page stopped.", true);
  worker.postMessage({
    kind: "load",
    runtime: absolute(runtime),
    packages: packages.split(" "),
    wheels: wheels.split(" ").map(absolute),
    code: code[1],
  });
}

const answers = {
  progress({ step, detail, done, all }) {
    at("step").textContent = step;
    at("detail").textContent = detail || "";
    const bar = at("progress");
    if (all) bar.max = all;
    if (all) bar.value = done;
    else bar.removeAttribute("value");
    clearInterval(clock);
    if (!all) clock = setInterval(() => { at("detail").textContent = `${seconds()} seconds so far`; }, 1000);
  },
  failed: ({ error, broken }) => fail(error, broken),
  unreachable: ({ error }) =>
    fail(`Python could not be loaded from ${host}. Check the connection, then drop the file again.\n${error}`, true),
  done({ sentence, html, tables }) {
    links.forEach(URL.revokeObjectURL);
    links = [new Blob([html], { type: "text/html" }), new Blob([tables], { type: "application/zip" })]
      .map((blob) => URL.createObjectURL(blob));
    const base = name.replace(/\.[^.]+$/, "");
    Object.assign(at("page"), { href: links[0], download: `${base}-report.html` });
    Object.assign(at("tables"), { href: links[1], download: `${base}-tables.zip` });
    at("sentence").textContent = sentence;
    at("report").onload = () => {
      state("done");
      at("sentence").focus();
    };
    at("report").src = links[0];
  },
};

const seconds = () => Math.round((performance.now() - began) / 1000);

function fail(text, broken = false) {
  if (broken && worker) worker.terminate();
  if (broken) worker = null;
  at("failure").textContent = text;
  at("what").textContent = "Drop another file or folder here";
  state("failed");
}

async function report(files) {
  if (!files.length || document.body.dataset.state === "busy") return;
  const top = new Set(files.map(({ path }) => path.split("/")[0]));
  // Loose files become a folder, as somebody would collect them for the command.
  name = top.size > 1 ? "files" : [...top][0];
  const listed = files.map(({ path, file }) => ({ path: top.size > 1 ? `files/${path}` : path, file }));
  began = performance.now();
  at("failure").textContent = "";
  answers.progress({ step: "Starting", done: 0, all: 1 });
  state("busy");
  try {
    if (!worker) await start();
    worker.postMessage({ kind: "report", name, files: listed });
  } catch (error) {
    fail(`This page could not be loaded whole: ${error.message}. Reload it.`, true);
  }
}

const chosen = (list) => [...list].map((file) => ({ path: file.webkitRelativePath || file.name, file }));

async function within(entry) {
  if (entry.isFile) {
    const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
    return [{ path: entry.fullPath.slice(1), file }];
  }
  const reader = entry.createReader();
  const found = [];
  for (;;) {
    // Browsers give at most 100 entries at a time.
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) break;
    found.push(...some);
  }
  return (await Promise.all(found.map(within))).flat();
}

for (const [button, field] of [["file", "one"], ["folder", "many"]]) {
  at(button).onclick = () => at(field).click();
  at(field).onchange = () => {
    report(chosen(at(field).files));
    at(field).value = "";
  };
}
at("again").onclick = () => {
  state("empty");
  at("file").focus();
};
document.ondragover = (event) => {
  event.preventDefault();
  at("drop").classList.add("over");
};
document.ondragleave = (event) => {
  if (!event.relatedTarget) at("drop").classList.remove("over");
};
document.ondrop = async (event) => {
  event.preventDefault();
  at("drop").classList.remove("over");
  const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry()).filter(Boolean);
  const files = entries.length ? (await Promise.all(entries.map(within))).flat() : chosen(event.dataTransfer.files);
  report(files);
};
