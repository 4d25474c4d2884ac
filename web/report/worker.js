// Loads Python and the package once, then makes a report of each set of files.
const tell = (kind, message, transfer = []) => self.postMessage({ kind, ...message }, transfer);

let python = null;
let make = null;
let queue = Promise.resolve();
let count = 0;

async function load({ runtime, packages, wheels, code }) {
  const all = packages.length + wheels.length + 1;
  let done = 0;
  const progress = (detail) => tell("progress", { step: "Loading Python", detail, done, all });
  progress("the language");
  const { loadPyodide } = await import(`${runtime}pyodide.mjs`);
  python = await loadPyodide({ indexURL: runtime });
  for (const name of [...packages, ...wheels]) {
    done += 1;
    progress(name.split("/").pop().split("-")[0]);
    // Pyodide tells in a message only that it does not have a library.
    let trouble = "";
    const errorCallback = (text) => { trouble += text; };
    await python.loadPackage(name, { messageCallback() {}, errorCallback });
    if (trouble) throw new Error(trouble);
  }
  const names = python.toPy({});
  python.runPython(code, { globals: names });
  make = names.get("make");
}

async function report({ name, files }) {
  const { FS } = python;
  count += 1;
  const folder = `/given/${count}`;
  const out = `/made/${count}`;
  tell("progress", { step: `Reading ${name}` });
  for (const { path, file } of files) {
    const parts = path.split("/").filter((part) => part && part !== "." && part !== "..");
    FS.mkdirTree([folder, ...parts.slice(0, -1)].join("/"));
    FS.writeFile([folder, ...parts].join("/"), new Uint8Array(await file.arrayBuffer()));
  }
  FS.mkdirTree("/made");
  tell("progress", { step: `Making the report of ${name}` });
  FS.chdir(folder);
  const told = JSON.parse(make(name, out));
  if (told.error) {
    tell("failed", told);
  } else {
    const html = FS.readFile(`${out}/report.html`);
    const tables = FS.readFile(`${out}.zip`);
    tell("done", { ...told, html, tables }, [html.buffer, tables.buffer]);
  }
  FS.chdir("/");
  python.runPython(`import shutil; shutil.rmtree("/given"); shutil.rmtree("/made")`);
}

async function answer(data) {
  try {
    if (data.kind === "load") await load(data);
    else if (make) await report(data);
  } catch (error) {
    tell(make ? "failed" : "unreachable", { error: String(error.message || error), broken: true });
  }
}

self.onmessage = ({ data }) => {
  queue = queue.then(() => answer(data));
};
