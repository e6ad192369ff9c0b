// stores.mjs DIRECTORY: reads objects of the External Secrets Operator as JSON from standard input, and says what is wrong with each, by the
// definitions of version 2.0.0. DIRECTORY has the packages.

import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [directory] = process.argv.slice(2);
const KINDS = {
  ExternalSecret: "@kubernetes-models/external-secrets/external-secrets.io/v1/ExternalSecret.js",
  PushSecret: "@kubernetes-models/external-secrets/external-secrets.io/v1alpha1/PushSecret.js",
};

// A schema of these packages passes over fields that it does not know: it never asks for them.
function watched(value, path, unread) {
  if (value === null || typeof value !== "object") return value;
  const names = new Set(Array.isArray(value) ? [] : Object.keys(value));
  const fields = Object.fromEntries(Object.entries(value).map(([name, field]) => [name, watched(field, `${path}/${name}`, unread)]));
  unread.push(() => [...names].map((name) => `${path}/${name}`));
  const target = Array.isArray(value) ? Object.values(fields) : fields;
  return new Proxy(target, {
    get(from, name) {
      names.delete(name);
      return from[name];
    },
  });
}

let text = "";
for await (const chunk of process.stdin) text += chunk;
const said = [];
for (const object of JSON.parse(text)) {
  const { [object.kind]: Kind } = await import(pathToFileURL(join(directory, "node_modules", KINDS[object.kind])));
  const faults = [];
  if (object.apiVersion !== Kind.apiVersion) faults.push(`${object.kind} is of ${Kind.apiVersion}`);
  const unread = [];
  try {
    const model = new Kind({ metadata: object.metadata });
    model.spec = watched(object.spec, "/spec", unread);
    model.validate();
  } catch (error) {
    faults.push(error.message);
  }
  faults.push(...unread.flatMap((names) => names()).map((name) => `${name} is no field`));
  said.push(faults);
}
process.stdout.write(JSON.stringify(said));
