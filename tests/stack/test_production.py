"""docs/production.md: what it promises, on the real servers that it names."""

import base64
import re
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import psycopg
import pytest
import requests
from database_server import free_port
from pages import page, section, steps

from beauty_mlflow.data.splits.manifest import read_split

pytestmark = [pytest.mark.system, pytest.mark.slow, pytest.mark.timeout(1800)]

PAGE = page("production.md")
ASKED = 8  # times, so that each process of the server is
GATE = "minimum_accuracy = 0\nminimum_pictures = 5\n"
SWEEP = """
description = "Two depths."
objective = "best_val_loss"
trials = 2
confirm = 0
sampler = "random"
[parameters]
network = "tiny"
weights = "random"
epochs = 1
batch_size = 16
dense_units = 8
[space.blocks]
type = "int"
low = 0
high = 1
"""


@pytest.fixture(scope="session")
def trained(stack, training):
    """The id of a run of alice's, and the ports that its process spoke to."""
    process, ports = stack.start_beauty("alice", "finetune", **training), set()
    while process.poll() is None:
        for one in (connection for found in family(process) for connection in connections(found)):
            ports.add(one.raddr.port if one.raddr else None)
        time.sleep(0.2)
    output, errors = process.communicate()
    assert process.returncode == 0, errors[-3000:]
    return re.search(r"^run_id: (\w+)$", output, re.MULTILINE)[1], ports


@pytest.fixture(scope="session")
def champion(stack, trained, manifest):
    """The predictions of alice's model, which she has made the champion."""
    stack.beauty("alice", "evaluate", model=trained[0]).well()
    (stack.folder / "gate.toml").write_text(GATE)
    promoted = stack.beauty("alice", "promote", candidate=trained[0], gate=stack.folder / "gate.toml").well()
    assert promoted.summary["champion"] == "models:/beauty/1"
    return predictions(stack, manifest)


@pytest.fixture(scope="session")
def searched(stack, manifest):
    """The id of the best run of a sweep of bob's, whose trials are on the same PostgreSQL."""
    for command, _ in steps(section(PAGE, "A search on several machines")):
        stack.run(command)
    (stack.folder / "sweep.toml").write_text(SWEEP)
    given = {"config": stack.folder / "sweep.toml", "data": manifest, "workers": 2}
    given["storage"] = f"postgresql://studies@127.0.0.1:{stack.database.port}/studies"
    process = stack.start_beauty("bob", "sweep", changes={"PGPASSWORD": stack.variable("STUDIES_PASSWORD")}, **given)
    output, errors = process.communicate()
    assert process.returncode == 0, errors[-3000:]
    return re.search(r"^best_run: (\w+)", output, re.MULTILINE)[1]


def test_strangers_stay_outside(stack):
    """Without a name, with a wrong password and with MLflow's old default: 401 for runs, files, users and pages."""
    paths = ["api/2.0/mlflow/experiments/search?max_results=1", "api/2.0/mlflow-artifacts/artifacts", "", "graphql"]
    for user in (None, ("alice", "wrong"), ("admin", "password1234")):
        for path in [*paths, "api/2.0/mlflow/users/create", "signup"]:
            assert ask(stack, path, auth=user).status_code == 401, path


def test_https_under_its_own_name_alone(stack):
    """By http, with another Host, and with a form of another site's: refused by nginx or by MLflow."""
    plain = requests.get(f"http://localhost:{stack.ports['http']}/health", timeout=30)
    assert (plain.status_code, plain.text) == (426, "This server speaks https only: https://localhost\n")
    assert ask(stack, "health", headers={"Host": "evil.example"}).status_code == 421
    direct = f"http://127.0.0.1:{stack.ports['server']}/api/2.0/mlflow/experiments/search"
    for host in ("evil.example", "10.evil.example", f"127.0.0.1:{stack.ports['server']}"):
        answer = requests.get(direct, headers={"Host": host}, timeout=30)
        assert (answer.status_code, answer.text[:19]) == (403, "Invalid Host header")
    user = ("alice", stack.passwords["alice"])
    for origin, status in (("https://evil.example", 403), ("https://localhost", 200)):
        answer = requests.post(
            f"{stack.uri}/api/2.0/mlflow/experiments/search",
            json={"max_results": 1},
            headers={"Origin": origin},
            auth=user,
            verify=str(stack.certificate),
            timeout=30,
        )
        assert answer.status_code == status


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"MLFLOW_TRACKING_USERNAME": None, "MLFLOW_TRACKING_PASSWORD": None},
            r"wants a user's name and password. Set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD\.",
        ),
        (
            {"MLFLOW_TRACKING_PASSWORD": "guessed"},
            r"doesn't know the user 'alice', or the password is another one. Correct MLFLOW_TRACKING_USERNAME",
        ),
        (
            {"MLFLOW_TRACKING_SERVER_CERT_PATH": None},
            r"certificate verify failed.*Let MLFLOW_TRACKING_SERVER_CERT_PATH or REQUESTS_CA_BUNDLE name the file",
        ),
        ({"MLFLOW_TRACKING_URI": "http://localhost:{http}"}, r"answered 426.*This server speaks https only"),
        ({"MLFLOW_TRACKING_URI": "http://localhost:{https}"}, r"answered 400.*plain HTTP request was sent to HTTPS"),
        ({"MLFLOW_TRACKING_URI": "https://127.0.0.1:{https}"}, r"certificate verify failed: IP address mismatch"),
    ],
)
def test_who_does_not_get_in_is_told_why(stack, changes, message):
    """A sentence and status 2, within seconds, without the password."""
    known = {name: value.format(**stack.ports) if value else None for name, value in changes.items()}
    done = stack.beauty("alice", "promotions", changes=known)
    assert done.status == 2
    assert re.search(message, done.errors)
    assert done.errors.count("\n") == 1
    assert stack.passwords["alice"] not in done.errors
    assert "guessed" not in done.errors


def test_a_bundle_for_every_program_does_as_well(stack):
    """REQUESTS_CA_BUNDLE instead of MLflow's own variable."""
    trust = {"MLFLOW_TRACKING_SERVER_CERT_PATH": None, "REQUESTS_CA_BUNDLE": str(stack.certificate)}
    stack.beauty("alice", "promotions", changes=trust).well()


def test_a_training_goes_through_the_server_alone(stack, trained):
    """Its files are in the bucket, and its process has spoken to nginx, not to S3, the database or MLflow itself."""
    run_id, ports = trained
    assert [one for one in stack.objects() if f"/{run_id}/artifacts/" in one]
    assert any(one.endswith("/artifacts/data/model/model.keras") or "model.keras" in one for one in stack.objects())
    s3 = int(stack.s3.rpartition(":")[2])
    assert stack.ports["https"] in ports
    assert not ports & {s3, stack.database.port, stack.ports["server"]}
    assert not [name for name in stack.client("alice") if name.startswith(("AWS_", "MLFLOW_S3", "PG"))]


def test_more_writers_than_mlflow_alone_has_connections(stack):
    """A hundred at once, each with a call that takes two: all are answered, none waits until its time is over."""

    def post(path, **content):
        return requests.post(
            f"{stack.uri}/api/2.0/mlflow/{path}",
            json=content,
            auth=("alice", stack.passwords["alice"]),
            verify=str(stack.certificate),
            timeout=60,
        )

    experiment = post("experiments/create", name="many writers").json()
    run_id = post("runs/create", **experiment).json()["run"]["info"]["run_id"]

    def write(number):
        return post("runs/log-batch", run_id=run_id, metrics=[{"key": f"m{number}", "value": 1, "timestamp": 0}])

    with ThreadPoolExecutor(100) as threads:
        answers = list(threads.map(write, range(400)))
    assert [answer.text for answer in answers if answer.status_code != 200] == []
    assert post("runs/update", run_id=run_id, status="FINISHED").status_code == 200


def test_a_search_has_its_trials_beside_the_runs(stack, searched):
    """On the same PostgreSQL, by a user who sees nothing of MLflow's tables."""
    password = stack.variable("STUDIES_PASSWORD")
    mine = {"host": "127.0.0.1", "port": stack.database.port, "user": "studies", "password": password}
    with psycopg.connect(**mine, dbname="studies") as connection:
        states = connection.execute("SELECT state, count(*) FROM trials GROUP BY state").fetchall()
        said = connection.execute("SELECT trial_id, key, value_json FROM trial_user_attributes").fetchall()
    assert states == [("COMPLETE", 2)], "\n".join(map(str, said))
    with psycopg.connect(**mine, dbname="mlflow") as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("SELECT * FROM users")


def test_a_member_reads_all_and_changes_what_is_his(stack, champion, searched, training, manifest):
    """Bob predicts with alice's champion; his model doesn't replace it, his run doesn't get into her experiment."""
    assert predictions(stack, manifest, "bob") == champion
    refused = stack.beauty("bob", "promote", candidate=searched, gate=stack.folder / "gate.toml")
    assert refused.status == 2
    assert "Can't register the model 'beauty': the server doesn't allow it to the user 'bob'. Ask" in refused.errors
    for private in ("RestException", "error_code", "Traceback"):
        assert private not in refused.errors
    inside = stack.beauty("bob", "finetune", changes={"MLFLOW_EXPERIMENT_NAME": "alice"}, **training)
    assert inside.status == 2
    assert "the server doesn't allow it to the user 'bob'" in inside.errors
    assert stack.beauty("alice", "promotions").well().output.count("promote") >= 1
    assert running(stack) == []


def test_files_and_aliases_are_guarded_as_runs_are(stack, champion):
    """By bare requests: bob, who may read, and who has no account change nothing of what is served."""
    _, key = model_of(stack, "alice")
    file = f"api/2.0/mlflow-artifacts/artifacts/{key.removeprefix('mlflow/')}"

    def content():
        return stack.bucket().get_object(Bucket="artifacts", Key=key)["Body"].read()

    before = content()
    assert ask(stack, file, auth=("bob", stack.passwords["bob"])).content == before
    alias = {"name": "beauty", "alias": "champion", "version": "1"}
    for user, status in ((("bob", stack.passwords["bob"]), 403), (None, 401)):
        for method, path, body in (
            ("PUT", file, {"data": b"another model"}),
            ("DELETE", file, {}),
            ("POST", "api/2.0/mlflow/registered-models/alias", {"json": alias}),
            ("DELETE", "api/2.0/mlflow/registered-models/alias", {"json": {**alias, "version": None}}),
            ("DELETE", "api/2.0/mlflow/registered-models/delete", {"json": {"name": "beauty"}}),
        ):
            answer = requests.request(
                method, f"{stack.uri}/{path}", auth=user, verify=str(stack.certificate), timeout=30, **body
            )
            assert answer.status_code == status, (method, path, user)
    assert content() == before
    assert stack.beauty("alice", "promotions").well().summary["champion"] == "models:/beauty/1"


def test_an_account_alone_sees_nothing(stack, champion, manifest):
    """Carol is in, but neither alice's model nor her experiment is there for her."""
    add_user(stack, "carol")
    done = stack.beauty("carol", "predict", data=manifest, part="test", out="carol.csv")
    assert done.status == 2
    assert "the server doesn't allow it to the user 'carol'" in done.errors
    assert not (stack.place("carol") / "carol.csv").exists()


def test_a_permission_that_is_taken_away_is_gone(stack, champion, manifest):
    """Dave reads alice's champion until that is revoked; then no process of the server shows him model or files."""
    add_user(stack, "dave")
    dave = ("dave", stack.passwords["dave"])
    experiment, key = model_of(stack, "alice")
    paths = (
        f"api/2.0/mlflow-artifacts/artifacts/{key.removeprefix('mlflow/')}",
        "api/2.0/mlflow/registered-models/get?name=beauty",
    )
    granted = (("experiment", experiment), ("registered_model", "beauty"))
    for kind, which in granted:
        fields = {"username": "dave", "resource_type": kind, "resource_id": which, "permission": "READ"}
        manage(stack, "3.0/mlflow/users/permissions/grant", **fields)
    assert predictions(stack, manifest, "dave") == champion
    assert {ask(stack, path, auth=dave).status_code for path in paths * ASKED} == {200}
    for kind, which in granted:
        manage(stack, "3.0/mlflow/users/permissions/revoke", username="dave", resource_type=kind, resource_id=which)
    assert {ask(stack, path, auth=dave).status_code for path in paths * ASKED} == {403}
    done = stack.beauty("dave", "predict", data=manifest, part="test", out="dave.csv")
    assert done.status == 2
    assert "the server doesn't allow it to the user 'dave'" in done.errors


def test_below_a_path(stack, champion, manifest):
    """With the two lines that the page says: the probe, calls and files work."""
    port, template = free_port(), (stack.folder / "deploy" / "nginx.conf.template").read_text()
    server = template[template.rindex("server {") :].replace(str(stack.ports["https"]), str(port))
    for line in ("location /mlflow/ {", "proxy_pass http://${MLFLOW_ADDRESS}/;"):
        assert f"`{line}`" in PAGE
        start = line.partition(" ")[0]
        server = re.sub(rf"{start} .*", line, server)
    text = server.replace("${MLFLOW_ADDRESS}", f"127.0.0.1:{stack.ports['server']}").replace(
        "${SERVER_NAME}", "localhost"
    )
    (stack.nginx / "conf.d" / "below.conf").write_text(text)
    stack.run("sudo nginx -s reload")
    below = {"MLFLOW_TRACKING_URI": f"https://localhost:{port}/mlflow"}
    deadline = time.monotonic() + 30
    while stack.beauty("bob", "promotions", changes=below).status and time.monotonic() < deadline:
        time.sleep(0.2)
    assert predictions(stack, manifest, "bob", changes=below) == champion


def test_the_champion_is_served(stack, champion, manifest, running):
    """By `mlflow models serve` as a client: no key for S3 either."""
    split = read_split(manifest)
    picture = (split.folder / split.part("test").paths[0]).read_bytes()
    line = ["mlflow", "models", "serve", "-m", "models:/beauty@champion", "--env-manager", "local"]
    environment = stack.client("bob")

    def command(port):
        return ["env", "-i", *(f"{name}={value}" for name, value in environment.items()), *line, "--port", port]

    with running(command, stack.place("bob"), ready="/ping") as uri:
        table = {"columns": ["image"], "data": [[base64.b64encode(picture).decode()]]}
        answer = requests.post(f"{uri}/invocations", json={"dataframe_split": table}, timeout=60).json()
    assert answer["predictions"][0]["model_version"] == "beauty/1"
    assert answer["predictions"][0]["error"] is None


def test_what_was_lost_comes_back(stack, champion, manifest, running):
    """After a backup all is wiped, restored and brought up to date: the same users, the champion's same answers."""
    (backup,), (restore,) = (list(steps(section(PAGE, title))) for title in ("Backup", "Restore"))
    stack.run(backup[0])
    again = stack.run(backup[0])
    assert again == f"artifacts: {len(stack.objects())}\n"
    before = stack.objects()
    stack.server.close()
    wipe(stack)
    assert stack.objects() == []
    stack.run(restore[0])
    for command, _ in steps(section(PAGE, "A new version of MLflow")):
        stack.run(command)
    stack.server.enter_context(stack.serve(running))
    assert stack.objects() == before
    assert predictions(stack, manifest, "bob") == champion
    assert stack.beauty("alice", "promotions", changes={"MLFLOW_TRACKING_PASSWORD": "guessed"}).status == 2


def ask(stack, path, **options):
    return requests.get(f"{stack.uri}/{path}", verify=str(stack.certificate), timeout=30, **options)


def model_of(stack, name):
    """Return the id of a user's experiment, and the key of a model's file in it."""
    admin = ("admin", stack.passwords["admin"])
    found = ask(stack, f"api/2.0/mlflow/experiments/get-by-name?experiment_name={name}", auth=admin).json()
    experiment = found["experiment"]["experiment_id"]
    inside = [one for one in stack.objects() if one.startswith(f"mlflow/{experiment}/")]
    return experiment, next(one for one in inside if one.endswith("model.keras"))


def manage(stack, path, **fields):
    """Do as the administrator what docs/production.md says of users and permissions."""
    answer = requests.post(
        f"{stack.uri}/api/{path}",
        json=fields,
        auth=("admin", stack.passwords["admin"]),
        verify=str(stack.certificate),
        timeout=30,
    )
    assert answer.status_code == 200, answer.text


def add_user(stack, name):
    """Give somebody an account, and no permission."""
    stack.passwords[name] = f"of-{name}-alone"
    manage(stack, "2.0/mlflow/users/create", username=name, password=stack.passwords[name])


def predictions(stack, manifest, name="alice", **given):
    """What the champion says of the test part."""
    out = stack.place(name) / f"{time.monotonic_ns()}.csv"
    stack.beauty(name, "predict", data=manifest, part="test", out=out, **given).well()
    return Path(out).read_text()


def running(stack):
    """The runs of alice and bob that are still RUNNING."""
    found = requests.post(
        f"{stack.uri}/api/2.0/mlflow/runs/search",
        json={"experiment_ids": ["1", "2"], "filter": "attributes.status = 'RUNNING'"},
        auth=("admin", stack.passwords["admin"]),
        verify=str(stack.certificate),
        timeout=30,
    )
    return found.json().get("runs", [])


def wipe(stack):
    """Leave nothing of what the server kept."""
    for name in stack.objects():
        stack.bucket().delete_object(Bucket="artifacts", Key=name)
    stack.run("sudo -u postgres dropdb mlflow")
    stack.run('sudo -u postgres createdb --owner "$PGUSER" mlflow')


def family(process):
    try:
        parent = psutil.Process(process.pid)
        return [parent, *parent.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def connections(process):
    try:
        return process.net_connections("tcp")
    except psutil.NoSuchProcess:
        return []
