// Manifests (a JSON list) on standard input; on standard output what is wrong with each (a JSON list of lists of sentences).
//
// The packages hold compiled validators, which let unknown fields pass. A validator looks at every field that it knows,
// so each manifest is given to it in a wrapping that remembers what was looked at: the rest is unknown.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parser } from "@prometheus-io/lezer-promql";

const MODELS = fileURLToPath(new URL("node_modules/@kubernetes-models/", import.meta.url));

/** A copy of `value` that notes the names asked of each object; `unknown()` lists the paths nobody asked for. */
function watched(value, path = "") {
  if (value === null || typeof value !== "object") return { proxy: value, unknown: () => [] };
  const children = Object.entries(value).map(([name, child]) => [name, watched(child, `${path}/${name}`)]);
  if (Array.isArray(value)) {
    return { proxy: children.map(([, child]) => child.proxy), unknown: () => children.flatMap(([, c]) => c.unknown()) };
  }
  const asked = new Set();
  const proxy = new Proxy(Object.fromEntries(children.map(([name, child]) => [name, child.proxy])), {
    get(target, name) {
      asked.add(name);
      return Reflect.get(target, name);
    },
  });
  // An object of which nothing was asked is one that may hold anything.
  const unknown = () =>
    asked.size === 0 ? [] : children.flatMap(([name, child]) => (asked.has(name) ? child.unknown() : [`${path}/${name}`]));
  return { proxy, unknown };
}

async function validator(apiVersion, kind) {
  for (const name of readdirSync(MODELS)) {
    const file = join(MODELS, name, apiVersion, `${kind}.js`);
    if (existsSync(file)) return (await import(pathToFileURL(file)))[kind].prototype;
  }
  return null;
}

/** Of one manifest. */
async function faults(manifest) {
  const model = await validator(manifest.apiVersion, manifest.kind);
  if (model === null) return [`there is no schema of ${manifest.apiVersion} ${manifest.kind}`];
  const { proxy, unknown } = watched(manifest);
  let wrong = [];
  try {
    model.validate.call(proxy);
  } catch (error) {
    wrong = (error.errors ?? [error]).map((one) => `${one.instancePath ?? ""} ${one.message}`.trim());
  }
  return [...wrong, ...unknown().map((path) => `${path} is no field of ${manifest.kind}`), ...expressions(manifest)];
}

/** The PromQL of a rule, where it is none. */
function expressions(manifest) {
  const rules = (manifest.spec?.groups ?? []).flatMap((group) => group.rules ?? []);
  return manifest.kind === "PrometheusRule" ? rules.flatMap((rule) => broken(String(rule.expr ?? ""))) : [];
}

function broken(text) {
  const found = [];
  parser.parse(text).iterate({ enter: (node) => void (node.type.isError && found.push(node.from)) });
  return found.slice(0, 1).map((at) => `not PromQL at character ${at}: ${text}`);
}

const manifests = JSON.parse(readFileSync(0, "utf8"));
const named = async (one) => (await faults(one)).map((what) => `${one.kind} ${one.metadata?.name}: ${what}`);
process.stdout.write(JSON.stringify(await Promise.all(manifests.map(named))));
