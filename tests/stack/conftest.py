"""The servers of docs/production.md, started by its own commands; see Stack."""

import contextlib
import io
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from arguments import options
from database_server import PASSWORD, USER, free_port, postgresql_server
from lacking import lacks
from pages import blocks, page, section, steps
from waiting import until

from beauty_mlflow.data.sample import make_sample
from beauty_mlflow.data.splits.manifest import write_split
from beauty_mlflow.data.splits.splitting import SplitOptions, split_data
from beauty_mlflow.progress import silent_progress

ROOT = Path(__file__).parents[2]
PAGE = page("production.md")
HOST = "localhost"  # the server's name, here
BUCKET = "artifacts"
INSTALLED = ("apt-get", "python3.11 -m venv", "pip install")  # what this machine has already
# what Debian's nginx.conf does, for a server that isn't the machine's
NGINX = """
user root;
daemon off;
pid nginx.pid;
error_log error.log;
events {}
http {
    access_log access.log;
    client_body_temp_path body; proxy_temp_path proxied; fastcgi_temp_path fastcgi; uwsgi_temp_path u; scgi_temp_path s;
    include conf.d/*.conf;
}
"""
ENVIRONMENT = Path(sys.prefix, "bin").resolve()
OUTSIDE = ("MLFLOW_", "BEAUTY_", "AWS_", "PG", "REQUESTS_")


@dataclass(frozen=True)
class Done:
    """How a command ended, and what it said."""

    status: int
    output: str
    errors: str

    @property
    def summary(self):
        return dict(line.split(": ", 1) for line in self.output.splitlines() if ": " in line)

    def well(self):
        assert self.status == 0, f"{self.output}\n{self.errors[-3000:]}"
        return self


class Stack:
    """What runs, and whoever may use it.

    The page's commands and what is in deploy/ are taken as they are, but for the ports, the folder /etc/nginx, sudo and
    the server's name. They find the environment of these tests where the page makes one, and nowhere else.
    """

    def __init__(self, folder, database, s3, cache):
        self.folder, self.database, self.s3, self.cache = folder, database, s3, cache
        self.ports = {name: free_port() for name in ("server", "http", "https")}
        self.nginx = folder / "nginx"
        self.uri = f"https://{HOST}:{self.ports['https']}"
        self.certificate = folder / "deploy" / "tls" / "server.crt"
        self.passwords = {"admin": secrets.token_hex(12)}
        self.settings = {
            "SERVER_NAME": HOST,
            "PGPASSWORD": secrets.token_hex(12),
            "PGPORT": str(database.port),
            "MLFLOW_ARTIFACTS_DESTINATION": f"s3://{BUCKET}/mlflow",
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "MLFLOW_S3_ENDPOINT_URL": s3,
            "MLFLOW_AUTH_ADMIN_PASSWORD": self.passwords["admin"],
            "MLFLOW_FLASK_SERVER_SECRET_KEY": secrets.token_hex(24),
            "MLFLOW_WORKERS": "2",
            "MLFLOW_PORT": str(self.ports["server"]),
        }
        shutil.copytree(ROOT / "deploy", folder / "deploy", ignore=shutil.ignore_patterns(".env", "tls", "backup"))
        (folder / "mlflow-server").symlink_to(sys.prefix)
        self._exports = []

    def prepare(self):
        """The page up to the choice between Docker and commands: settings and a certificate."""
        for command, _ in steps(section(PAGE, "In production")):
            self.run(command)
            if command.startswith("cp "):
                self._fill_in()
        template = self.folder / "deploy" / "nginx.conf.template"
        text = template.read_text().replace("/etc/nginx/", f"{self.nginx}/")
        for number, name in (("443", "https"), ("80", "http")):
            text = text.replace(f"listen {number}", f"listen 127.0.0.1:{self.ports[name]}")
        template.write_text(text)

    def make_database(self):
        for command, _ in steps(section(PAGE, "The database")):
            self.run(command)

    def serve(self, running):
        """Return a context manager that runs the server by the page's last command for it."""
        *before, (command, _) = steps(section(PAGE, "The server"))
        for other, _ in before:
            self.run(other)
        line = ["bash", "-c", self._script(command)]
        return running(lambda _: line, self.folder, port=self.ports["server"])

    @contextlib.contextmanager
    def terminate_tls(self):
        """Run an nginx as a system has it, and give it the configuration by the page's commands."""
        (self.nginx / "conf.d").mkdir(parents=True)
        (self.nginx / "nginx.conf").write_text(NGINX)
        process = subprocess.Popen(["nginx", *self._own_nginx()], stderr=subprocess.DEVNULL)
        try:
            until((self.nginx / "nginx.pid").exists, pause=0.05, process=process)
            for command, _ in steps(section(PAGE, "TLS")):
                self.run(command)
            until(lambda: listens(self.ports["https"]), pause=0.05, process=process)
            yield
        finally:
            process.terminate()
            process.wait(20)

    def let_in(self):
        """Make the page's users with their permissions."""
        (code,) = blocks(section(PAGE, "Users and what they may do"), "python")
        environment = {**self.client("admin"), "REQUESTS_CA_BUNDLE": str(self.certificate)}
        done = subprocess.run(
            [sys.executable, "-c", code.replace("https://mlflow.example.com", self.uri)],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        self.passwords |= dict(line.split() for line in done.stdout.splitlines())

    def client(self, name, **changes):
        """The environment of a user's shell, as the page says it, without anything that is the server's."""
        known = {"https://mlflow.example.com": self.uri, "alice": name, "...": self.passwords.get(name, "")}
        lines = [command.removeprefix("export ") for command, _ in steps(section(PAGE, "Clients"))]
        exports = dict(line.split("=", 1) for line in lines)
        plain = {key: value for key, value in os.environ.items() if not key.startswith(OUTSIDE)}
        own = {
            **{key: known[value] for key, value in exports.items()},
            "MLFLOW_TRACKING_SERVER_CERT_PATH": str(self.certificate),
            "BEAUTY_CACHE_DIR": str(self.cache),
            "BEAUTY_STATE_DIR": str(self.folder / "state" / name),
            "TF_CPP_MIN_LOG_LEVEL": "3",
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        }
        return {key: value for key, value in {**plain, **own, **changes}.items() if value is not None}

    def beauty(self, name, *arguments, changes=(), **given):
        """Run the command line as a user, in this process, which has imported TensorFlow already."""
        from beauty_mlflow.cli import main

        output, errors, status = io.StringIO(), io.StringIO(), None
        with pytest.MonkeyPatch.context() as patch:
            for variable in [one for one in os.environ if one.startswith(OUTSIDE)]:
                patch.delenv(variable)
            for variable, value in self.client(name, **dict(changes)).items():
                patch.setenv(variable, value)
            patch.setattr("beauty_mlflow.cli.catch_signals", lambda: None)
            patch.chdir(self.place(name))
            with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
                try:
                    main([*arguments, *options(given)])
                except SystemExit as end:
                    status = end.code
        return Done(status, output.getvalue(), errors.getvalue())

    def start_beauty(self, name, *arguments, changes=(), **given):
        """Start the command line as a user, in a process of its own."""
        return subprocess.Popen(
            [sys.executable, "-m", "beauty_mlflow", *arguments, *options(given)],
            cwd=self.place(name),
            env=self.client(name, **dict(changes)),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def place(self, name):
        """A user's own folder."""
        folder = self.folder / "home" / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def run(self, command):
        """Run one of the page's commands; what it exports holds for those after it."""
        if any(words in command for words in INSTALLED):
            return ""
        if "pg_ctlcluster" in command:
            self.database.stop()
            self.database.start_again()
            return ""
        if command.startswith("set -a"):
            self._exports.append(command)
            return ""
        exported = re.match(r"export (\w+)=", command)
        script = self._script(f"{command}\ndeclare -p {exported[1]}" if exported else command)
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-c", script], cwd=self.folder, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{command}\n{done.stdout[-2000:]}\n{done.stderr[-3000:]}"
        if exported:
            self._exports.append(done.stdout)  # with the value that it has now
        return done.stdout

    def variable(self, name):
        """What one of the page's exports has set."""
        return self.run(f'printf %s "${name}"')

    def objects(self):
        """The keys of everything in the bucket."""
        found = self.bucket().list_objects_v2(Bucket=BUCKET).get("Contents", [])
        return [one["Key"] for one in found]

    def bucket(self):
        import boto3

        keys = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing", "region_name": "eu-central-1"}
        return boto3.client("s3", endpoint_url=self.s3, **keys)

    def _script(self, command):
        superuser = (
            f"PGHOST=127.0.0.1 PGPORT={self.database.port} PGUSER={USER} PGPASSWORD='{PASSWORD}' PGDATABASE=postgres"
        )
        command = command.replace("sudo -u postgres ", f"env {superuser} ").replace("sudo ", "")
        command = command.replace("/etc/nginx/", f"{self.nginx}/")
        command = re.sub(r"^nginx ", f"nginx {' '.join(self._own_nginx())} ", command)
        command = command.replace("127.0.0.1:5000", f"127.0.0.1:{self.ports['server']}")
        others = [one for one in os.environ["PATH"].split(os.pathsep) if Path(one).resolve() != ENVIRONMENT]
        return "\n".join([f"PATH='{os.pathsep.join(others)}'", *self._exports, command])

    def _own_nginx(self):
        return ["-p", str(self.nginx), "-c", str(self.nginx / "nginx.conf")]

    def _fill_in(self):
        """Fill in .env as its comments say."""
        path = self.folder / "deploy" / ".env"
        lines = path.read_text()
        for name, value in self.settings.items():
            lines, count = re.subn(rf"^#?{name}=.*$", f"{name}={value}", lines, flags=re.MULTILINE)
            if not count:
                assert name.endswith("PORT"), f"{name} isn't in .env.example"
                lines += f"{name}={value}\n"
        path.write_text(lines)


def listens(port):
    """Return whether somebody listens on a port of loopback."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


@pytest.fixture(scope="session")
def stack(tmp_path_factory, running, session_cache):
    """All servers, alice and bob, for the whole session; tests leave what they find."""
    if not shutil.which("nginx"):
        lacks("nginx isn't installed")
    folder = tmp_path_factory.mktemp("stack")
    moto = str(Path(sys.executable).with_name("moto_server"))
    with contextlib.ExitStack() as opened:
        s3_folder = tmp_path_factory.mktemp("s3")
        s3 = opened.enter_context(running(lambda port: [moto, "-p", port], s3_folder, ready="/moto-api/"))
        stack = Stack(folder, opened.enter_context(postgresql_server()), s3, session_cache)
        place = {"LocationConstraint": "eu-central-1"}
        stack.bucket().create_bucket(Bucket=BUCKET, CreateBucketConfiguration=place)
        stack.prepare()
        stack.make_database()
        stack.server = opened.enter_context(contextlib.ExitStack())
        stack.server.enter_context(stack.serve(running))
        opened.enter_context(stack.terminate_tls())
        stack.let_in()
        yield stack


@pytest.fixture(scope="session")
def manifest(tmp_path_factory):
    """A split of a small sample: 4 classes of 12 pictures."""
    folder = tmp_path_factory.mktemp("stack-sample")
    make_sample(folder / "boxes", classes=4, images=12, seed=0, progress=silent_progress)
    options = SplitOptions(train=0.5, val=0.25, test=0.25)
    write_split(split_data(folder / "boxes", options, silent_progress).split, folder / "split.csv")
    return folder / "split.csv"


@pytest.fixture(scope="session")
def training(manifest):
    """Parameters of the shortest training."""
    short = {"network": "tiny", "blocks": 1, "epochs": 1, "batch_size": 16, "dense_units": 8, "weights": "random"}
    return {**short, "data": manifest}
