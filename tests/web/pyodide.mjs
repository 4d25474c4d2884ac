// Stands in for Pyodide: it has the parts that the worker uses, and tries to send a file away.
export async function loadPyodide({ indexURL }) {
  const files = new Map();
  const told = (name) => {
    const read = [...files.keys()].sort().join(" and ");
    files.clear();
    if (name.startsWith("bad")) return { error: `${name}: it has no columns Engagements, Impressions or Likes.` };
    return { sentence: `Read ${read}.`, files: [] };
  };
  const report = new Uint8Array(await (await fetch(`${indexURL}report.html`)).arrayBuffer());
  const { elsewhere } = await (await fetch(`${indexURL}elsewhere.json`)).json();
  return {
    FS: {
      chdir() {},
      mkdirTree() {},
      writeFile: (path, data) => files.set(path.replace(/^\/given\/\d+\//, ""), data),
      readFile: (path) => path.endsWith(".html") ? report.slice() : new TextEncoder().encode("PK"),
    },
    async loadPackage(name) {
      await fetch(elsewhere, { method: "POST", mode: "no-cors", body: "a file" }).catch(() => {});
      await fetch(name.includes("/") ? name : `${indexURL}${name}.whl`);
    },
    runPython() {},
    toPy: () => ({ get: () => (name) => JSON.stringify(told(name)) }),
  };
}
