"""What a program with huggingface_hub does with a cache: fills it from a hub, or finds what is in it without one.

Usage: hub_client.py fill|find REPOSITORY..., with HF_HOME and HF_ENDPOINT set. Prints the snapshot of each repository.
"""

import sys
from pathlib import Path

import huggingface_hub
from huggingface_hub import hf_hub_download, scan_cache_dir, snapshot_download

task, *repositories = sys.argv[1:]
print(huggingface_hub.__version__, file=sys.stderr)
for repository in repositories:
    snapshot = Path(snapshot_download(repository, local_files_only=task == "find"))
    for file in sorted(path for path in snapshot.rglob("*") if path.is_file()):
        name = file.relative_to(snapshot).as_posix()
        found = hf_hub_download(repository, name, local_files_only=True)
        assert Path(found) == file, (found, file)
        assert file.resolve().parent.name == "blobs", file.resolve()
    print(snapshot)
cache = scan_cache_dir()
assert not cache.warnings, cache.warnings
assert {repo.repo_id for repo in cache.repos} == set(repositories), cache.repos
assert all("main" in repo.refs for repo in cache.repos), cache.repos
