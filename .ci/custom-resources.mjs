// Checks manifests of the kinds that Kubernetes itself does not know, given as a JSON array on standard
// input: against the schemas of their projects, and for fields that no schema ever looks at.
//
//     node custom-resources.mjs FOLDER-WITH-node_modules <manifests.json
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const modules = pathToFileURL(`${process.argv[2]}/node_modules/@kubernetes-models/`);

// The package of @kubernetes-models that has the kinds of an API group.
const packages = {
  "argoproj.io": "argo-cd",
  "cert-manager.io": "cert-manager",
  "cilium.io": "cilium",
  "cloud.google.com": "gke",
  "gateway.networking.k8s.io": "gateway-api",
  "kustomize.toolkit.fluxcd.io": "flux-cd",
  "monitoring.coreos.com": "prometheus-operator",
  "networking.gke.io": "gke",
  "source.toolkit.fluxcd.io": "flux-cd",
};

// Groups that no package has: bootstrap/tests/cluster/references.rs says word for word what their manifests are to hold.
const elsewhere = ["gateway.nginx.org", "monitoring.googleapis.com"];

// `value`, with each path that is read from it added to `read`.
const watched = (value, read, path = "") =>
  value === null || typeof value !== "object"
    ? value
    : new Proxy(value, {
        get(target, key) {
          const below = `${path}/${String(key)}`;
          read.add(below);
          return watched(target[key], read, below);
        },
      });

const paths = (value, path = "") =>
  value === null || typeof value !== "object"
    ? []
    : Object.entries(value).flatMap(([key, below]) => [`${path}/${key}`, ...paths(below, `${path}/${key}`)]);

const faults = async (manifest) => {
  const { apiVersion, kind } = manifest;
  const [group] = apiVersion.split("/");
  if (elsewhere.includes(group)) return [];
  if (!packages[group]) return [`no schema is known for ${apiVersion}`];
  const module = await import(new URL(`${packages[group]}/${apiVersion}/${kind}.js`, modules));
  const model = module[kind] ?? module.default[kind];
  const read = new Set();
  try {
    model.prototype.validate.call(watched(manifest, read));
  } catch (fault) {
    return [fault.message];
  }
  // Labels, selectors, parameters of a list and the like have keys of anyone's choice.
  return paths(manifest)
    .filter((path) => !read.has(path) && !/\/(matchLabels|labels|annotations|list\/elements\/\d+)\//.test(path))
    .map((path) => `nothing is known of ${path}`);
};

let wrong = 0;
const manifests = JSON.parse(readFileSync(0, "utf8"));
for (const manifest of manifests) {
  for (const fault of await faults(manifest)) {
    console.log(`${manifest.kind} ${manifest.metadata.name}: ${fault}`);
    wrong += 1;
  }
}
console.log(`${manifests.length} manifests, ${wrong} faults`);
process.exit(wrong === 0 ? 0 : 1);
