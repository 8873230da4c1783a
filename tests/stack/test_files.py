"""What is in deploy/, as far as it can be looked at without Docker."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml
from pages import page, section

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
SERVICES = COMPOSE["services"]
EXAMPLE = (DEPLOY / ".env.example").read_text()
NAMES = set(re.findall(r"^#?([A-Z0-9_]+)=", EXAMPLE, re.MULTILINE))
LOCKED = ROOT / "requirements" / "dev-cpu.txt"
PAGE = page("production.md")


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_says_its_version_and_whether_it_is_well(name):
    """An image with a version of three numbers or Debian's two, a health check, and a restart after a crash."""
    service = SERVICES[name]
    assert re.fullmatch(r"[a-z-]+:\d+\.\d+(\.\d+)?(-bookworm)?", service["image"])
    assert {"test", "interval", "retries"} <= set(service["healthcheck"])
    assert service["restart"] == "unless-stopped"


def test_every_service_starts_after_what_it_needs():
    """None before those that it depends on are healthy; each network and volume that is named is declared."""
    assert {name: sorted(one.get("depends_on", {})) for name, one in SERVICES.items()} == {
        "db": [],
        "mlflow": ["db"],
        "proxy": ["mlflow"],
    }
    for service in SERVICES.values():
        assert all(after["condition"] == "service_healthy" for after in service.get("depends_on", {}).values())
        assert set(service["networks"]) <= set(COMPOSE["networks"])
        named = [volume.partition(":")[0] for volume in service.get("volumes", []) if volume[0] not in "./"]
        assert set(named) <= set(COMPOSE["volumes"])


def test_only_the_proxy_is_reached_from_outside():
    """The server and the database publish no port, and the database's network has no way out."""
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["proxy"]
    assert SERVICES["db"]["networks"] == ["inside"]
    assert COMPOSE["networks"]["inside"]["internal"] is True
    assert "inside" not in SERVICES["proxy"]["networks"]


def test_what_is_mounted_and_copied_is_there():
    mounted = [volume.split(":")[0] for service in SERVICES.values() for volume in service.get("volumes", [])]
    copied = re.findall(r"^COPY (.+) /deploy/$", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE)
    files = [name for name in mounted if name.startswith("./") and name != "./tls"] + " ".join(copied).split()
    assert len(files) >= 7
    assert [name for name in files if not (DEPLOY / name).is_file()] == []


def test_every_variable_is_in_the_example():
    """What the compose file, the scripts and the template take from the environment, .env.example explains."""
    sources = [DEPLOY / name for name in ("compose.yaml", "mlflow-server.sh", "backup.sh", "restore.sh")]
    asked = {name for path in sources for name in re.findall(r"(?<!\$)\$\{?([A-Z][A-Z0-9_]+)", path.read_text())}
    set_here = {"POSTGRES_USER", "POSTGRES_DB"}
    assert asked - set_here <= NAMES
    assert asked >= {"SERVER_NAME", "PGUSER", "PGPASSWORD", "MLFLOW_ARTIFACTS_DESTINATION"}
    template = set(re.findall(r"\$\{([A-Z_]+)\}", (DEPLOY / "nginx.conf.template").read_text()))
    assert template == {"SERVER_NAME", "MLFLOW_ADDRESS"} == set(SERVICES["proxy"]["environment"])


def test_no_secret_is_in_a_file():
    """What is a password or a key is empty in the example, and comes from the environment everywhere else."""
    secret = re.compile(r"(password|secret|key)\w*\s*[:=]\s*(?P<value>\S*)", re.IGNORECASE)
    for path in (path for path in DEPLOY.iterdir() if path.is_file() and path.name not in ("requirements.txt", ".env")):
        for line in path.read_text().splitlines():
            found = secret.search(line.partition("#")[0])
            value = found["value"] if found else ""
            assert value == "" or value.startswith(("$", "/etc/nginx/")), f"{path.name}: {line}"
    assert ".env" in (DEPLOY / ".gitignore").read_text().splitlines()
    assert "://mlflow:" not in "".join(path.read_text() for path in DEPLOY.glob("*.*") if path.is_file())


def test_git_sees_no_key_and_no_backup():
    """Wherever the page lets them be written."""
    keys = re.findall(r"-keyout (\S+)", PAGE)
    (folder,) = re.findall(r"backup\.sh (\w+)", section(PAGE, "Backup"))
    written = [*keys, "server.key", f"{folder}/mlflow.dump", f"deploy/{folder}/mlflow.dump"]
    assert len(keys) == 1
    done = subprocess.run(["git", "check-ignore", *written], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines() == written


def test_compose_finds_its_file_and_the_folder_of_a_backup():
    """A folder that is missing Docker makes as root, and the user of the container can't write there."""
    backup, restore, upgrade = (
        re.findall(r"^ {4}(.+)$", section(PAGE, title), re.MULTILINE)
        for title in ("Backup", "Restore", "A new version of MLflow")
    )
    assert all(commands[0] == "cd deploy" for commands in (backup, restore, upgrade))
    assert backup[1] == "mkdir -p backup"
    for command in (backup[2], restore[1]):
        assert '--volume "$PWD/backup:/backup" --user "$(id -u)" mlflow /deploy/' in command


def test_the_server_has_the_versions_that_clients_are_tested_with():
    """Of every package, so that what is tested here is what serves."""

    def pinned(path):
        return dict(re.findall(r"^([a-z0-9-]+)==(\S+)", path.read_text(), re.MULTILINE))

    server, client = pinned(DEPLOY / "requirements.txt"), pinned(LOCKED)
    assert {"mlflow", "boto3", "psycopg", "sqlalchemy"} <= set(server)
    assert {name for name, version in server.items() if client.get(name) != version} == set()
    assert SERVICES["mlflow"]["image"].endswith(f":{server['mlflow']}")
    text = (DEPLOY / "requirements.txt").read_text()
    assert len(re.findall(r"^[a-z0-9-]+==", text, re.MULTILINE)) <= text.count("--hash=sha256:")
