// Downloads a file with @huggingface/hub and lists the repository, or prints the error.
// Arguments: address of the module, endpoint, repository, file.
import { createHash } from "node:crypto";

const [module, hubUrl, name, path] = process.argv.slice(2);
const hub = await import(module);
const repo = { type: "model", name };
const out = { files: [] };
try {
  for await (const f of hub.listFiles({ repo, recursive: true, hubUrl })) if (f.type === "file") out.files.push(f.path);
  const blob = await hub.downloadFile({ repo, path, hubUrl });
  out.sha256 = createHash("sha256").update(Buffer.from(await blob.arrayBuffer())).digest("hex");
} catch (e) {
  out.error = `${e.constructor.name}: ${e.message}`;
  out.requestId = e.requestId;
}
console.log(JSON.stringify(out));
