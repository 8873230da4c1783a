"""docs/from-folder-to-service.md, its commands run in the page's order as a reader would run them."""

import json
import os
import re
import subprocess

import pytest
from mlflow_server import end, wait_until_it_answers
from pages import page, steps

PAGE = page("from-folder-to-service.md")
SERVER = "mlflow models serve"


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_whole_story(tmp_path, forking_path):
    """Each command ends as the page says: verdicts, aliases, status 3 for the refused one, an answer over HTTP."""
    shell = Shell(tmp_path, forking_path)
    try:
        for command, shown in steps(PAGE):
            if command.startswith("export "):
                name, value = command.removeprefix("export ").split("=", 1)
                shell.environment[name] = value
            elif command.startswith(SERVER):
                shell.serve(command)
            else:
                shell.run(command, shown)
    finally:
        shell.close()
    assert set(shell.runs) == {"FIRST", "SECOND"}
    answer = json.loads(shell.output)["predictions"][0]
    assert answer["model_version"] == "beauty/2"
    assert answer["error"] is None
    assert len(answer["top"]) == 5


class Shell:
    def __init__(self, folder, variables):
        self.folder, self.output, self.runs, self.server = folder, "", {}, None
        self.environment = {**os.environ, **variables}

    def run(self, command, shown):
        for name, run_id in self.runs.items():
            command = re.sub(rf"\b{name}\b", run_id, command)
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        refused = "error: Not promoted" in shown
        assert done.returncode == (3 if refused else 0), f"{command}\n{done.stdout}\n{done.stderr[-3000:]}"
        assert not refused or "error: Not promoted (worse)" in done.stderr
        for line in shown.splitlines():
            if re.match(r"(verdict|passed|champion|previous|challenger|classes|pictures): ", line):
                assert line in done.stdout, command
        found = re.search(r"^run_id: ([0-9a-f]{32})$", done.stdout, re.MULTILINE)
        named = re.search(r"^run_id: ([A-Z]+)$", shown, re.MULTILINE)
        if named:
            self.runs[named[1]] = found[1]
        self.output = done.stdout

    def serve(self, command):
        with (self.folder / "server.log").open("wb") as log:
            self.server = subprocess.Popen(
                ["bash", "-c", f"exec {command}"],
                cwd=self.folder,
                env=self.environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        wait_until_it_answers(self.server, re.search(r"http://\S+/ping", PAGE)[0], self.folder)

    def close(self):
        if self.server:
            end(self.server)
