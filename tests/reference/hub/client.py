"""Pushes a folder, and fetches it again, with huggingface_hub: client.py HUB REPO FOLDER MESSAGE TOKEN OUT. record.ts starts the hub and calls it."""

import os
import sys

hub, repo, folder, message, token, out = sys.argv[1:]
os.environ.update(HF_ENDPOINT=hub, HF_HUB_DISABLE_XET="1", HF_HUB_DISABLE_TELEMETRY="1", HF_HUB_DISABLE_PROGRESS_BARS="1")
import huggingface_hub

api = huggingface_hub.HfApi(token=token)
api.create_repo(repo, repo_type="model", private=True, exist_ok=True)
api.upload_folder(repo_id=repo, repo_type="model", folder_path=folder, commit_message=message)
commit = api.model_info(repo).sha
for name in sys.stdin.read().split():
    huggingface_hub.hf_hub_download(repo, name, revision=commit, local_dir=out, token=token)
print(huggingface_hub.__version__)
