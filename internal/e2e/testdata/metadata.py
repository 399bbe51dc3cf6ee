"""Asks everything that HfApi can ask of a repository, and prints it as JSON.

Arguments: repository, a dataset, a space, an organization, a token.
"""

import json
import sys

import huggingface_hub
from huggingface_hub import HfApi

repo, dataset, space, org, token = sys.argv[1:]
api = HfApi(token=token)
out = {}
OLD = huggingface_hub.__version__.startswith("0.23.")
SECURITY = "securityRepoStatus" if OLD else "security_repo_status"

info = api.model_info(repo, files_metadata=True, securityStatus=True)
out["info"] = {
    "sha": info.sha,
    "license": info.card_data.license if info.card_data else None,
    "files": {s.rfilename: [s.size, s.blob_id, s.lfs.sha256 if s.lfs else None] for s in info.siblings},
    "issues": [i["path"] for i in vars(info)[SECURITY]["filesWithIssues"]],
}
out["expand"] = None if OLD else api.model_info(repo, expand=["downloads", "likes"]).downloads
out["dataset"] = api.dataset_info(dataset).sha
out["space"] = api.space_info(space).sha
out["kernel"] = api.kernel_info("org/kernel").sha if hasattr(api, "kernel_info") else None

refs = api.list_repo_refs(repo, include_pull_requests=True)
out["refs"] = {r.ref: r.target_commit for r in refs.branches + refs.tags + refs.converts + refs.pull_requests}

tree = list(api.list_repo_tree(repo, recursive=True, expand=True))
out["tree"] = {
    f.path: [getattr(f, "blob_id", None), f.lfs.sha256 if getattr(f, "lfs", None) else None, getattr(f, "xet_hash", None)] for f in tree
}
out["committed"] = sorted({f.last_commit.oid for f in tree if f.last_commit})
out["security"] = {f.path: f.security.status for f in tree if getattr(f, "security", None)}
out["folder"] = [f.path for f in api.list_repo_tree(repo, path_in_repo="sub/deep")]
out["files"] = api.list_repo_files(repo)
paths = api.get_paths_info(repo, ["config.json", "sub", "none"], expand=True)
out["paths"] = {p.path: type(p).__name__ for p in paths}
out["commits"] = [c.commit_id for c in api.list_repo_commits(repo)]
out["exists"] = [api.file_exists(repo, "config.json"), api.file_exists(repo, "none.json"), api.revision_exists(repo, "v1.0"),
                 api.revision_exists(repo, "none"), api.repo_exists(repo), api.repo_exists("org/none")]
out["search"] = sorted(m.id for m in api.list_models(author=org, limit=3))
if hasattr(api, "get_organization_overview"):
    out["organization"] = api.get_organization_overview(org).is_verified
if hasattr(api, "auth_check"):
    out["auth"] = api.auth_check(repo)
print(json.dumps(out))
