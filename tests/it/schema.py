"""Holds the schema that `porchlight schema` prints to the reader of the config.

Usage: schema.py PORCHLIGHT. Needs the package jsonschema (Debian: python3-jsonschema).
"""

import json
import pathlib
import subprocess
import sys
import tempfile

import jsonschema

try:
    import tomllib
except ImportError:  # before Python 3.11
    import tomli as tomllib

porchlight = sys.argv[1]
root = pathlib.Path(__file__).parent.parent.parent
schema = json.loads(subprocess.run([porchlight, "schema"], check=True, capture_output=True).stdout)
jsonschema.Draft7Validator.check_schema(schema)
validator = jsonschema.Draft7Validator(schema)
faults = []


def read(text):
    """Whether the schema and the reader take a file."""
    value = json.loads(json.dumps(tomllib.loads(text), default=lambda it: it.isoformat()))
    by_schema = not list(validator.iter_errors(value))
    with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
        file.write(text)
        file.flush()
        done = subprocess.run([porchlight, "--config", file.name, "check"], capture_output=True, text=True)
    return by_schema, done.returncode == 0


shipped = (root / "config.toml").read_text()
errors = list(validator.iter_errors(tomllib.loads(shipped)))
if errors:
    faults.append(f"the shipped config: {errors[0].message} at {list(errors[0].path)}")

# Every key that the reader knows, which it tells when asked for one it does not.
known = {}
strange = "zz = 1\nsite.zz = 1\nserver.zz = 1\nstore.zz = 1\nsample.zz = 1\nmetrics.zz = 1\nprobe.zz = 1\n" + "".join(
    f"[[{table}]]\nzz = 1\n" for table in ("component", "account", "network", "endpoint", "maintenance", "announcement")
)
# An endpoint of another kind than http has keys of its own.
strange += "".join(f'[[endpoint]]\n{kind}\nzz = 1\n' for kind in ('url = "tcp://a:1"', 'url = "tls://a"', 'url = "dns://a"', 'url = "smtp://a"', "push = {}"))
with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
    file.write(strange)
    file.flush()
    report = json.loads(
        subprocess.run([porchlight, "--config", file.name, "check", "--json"], capture_output=True).stdout
    )
for fault in report["faults"]:
    message = fault["message"]
    if message.startswith("unknown key `zz` in ") or message.startswith("unknown key `metrics`"):
        table = message.removeprefix("unknown key `zz` in ").strip("[]")
        if table in ("the file", "site", "server", "store", "sample", "metrics", "probe", "component", "account", "network", "endpoint", "maintenance", "announcement"):
            known.setdefault(table, set()).update(fault["keys"])
if len(known) < 13:
    faults.append(f"the reader told the keys of {sorted(known)} only")
for table, keys in known.items():
    where = schema if table == "the file" else schema["properties"].get(table, {})
    where = where.get("items", where)
    told = set(where.get("properties", {}))
    if told != keys:
        faults.append(f"{table}: only the reader knows {keys - told}, only the schema {told - keys}")

small = '[[component]]\nid = "web"\nname = "Web"\n[[endpoint]]\nid = "login"\ncomponent = "web"\nurl = "https://wallet.example.com/login"\n'
good = [
    small,
    small + 'every = "1h30m"\nstatus = [200, "301-302", "4xx"]\ncontains = "x"\nwas = "old_id-1"\n',
    small + 'method = "POST"\njson = { a = [1, { b = 2 }] }\nheaders = { x-a = "1" }\n',
    '[site]\nname = { zh = "门灯" }\nlockout = "30m"\nsupport = [{ label = "Help", url = "tel:+86-1" }]\n',
    '[server]\nlisten = "[::1]:8080"\n',
    '[server]\npublic_url = "https://status.example.com/login/"\ntrusted_proxies = ["127.0.0.1", "10.0.0.0/8"]\n',
    small + 'proxy = "socks5h://proxy.example.com:1080"\n[probe]\nproxy = "http://proxy.example.com:3128"\n',
    small + '[[maintenance]]\nid = "m"\ntitle = "t"\ncomponents = ["web"]\nstarts_at = 2026-11-25T00:00:00Z\nends_at = "2026-11-26 00:00"\n',
]
bad = [
    "zz = 1\n",
    'strict = "yes"\n',
    "site = 3\n",
    '[site]\nname = { fr = "x" }\n',
    "[site]\nname = {}\n",
    "",
    '[site]\nname = ""\n',
    '[site]\nrecovering_for = "1.5s"\n',
    "[site]\nrecovering_for = 30\n",
    '[site]\nsupport = [{ label = "x", url = "http://x.example" }]\n',
    '[server]\nlisten = "localhost:8080"\n',
    '[server]\nlisten = ":8080"\n',
    '[server]\ntls = { certificate = "a" }\n',
    '[probe]\nproxy = "ftp://proxy.example.com:21"\n',
    '[component]\nid = "web"\nname = "Web"\n',
    '[[component]]\nname = "Web"\n',
    '[[component]]\nid = "Web Mail"\nname = "Web"\n',
    '[[component]]\nid = "web--mail"\nname = "Web"\n',
    '[[component]]\nid = "web_"\nname = "Web"\n',
    '[[component]]\nid = "web"\nname = "Web"\nrole = "logon"\n',
    small.replace("url = ", "urll = "),
    small.replace("https:", "ftp:"),
    small.replace("https://", "https://me:pw@"),
    small + 'method = "get"\n',
    small + "failure_threshold = 0\n",
    small + "failure_threshold = 11\n",
    small + "status = 99\n",
    small + 'status = "6xx"\n',
    small + 'headers = { x = { env = "A", file = "b" } }\n',
    small + 'headers = { x = { value = "A" } }\n',
    small + "contains = [3]\n",
    '[[announcement]]\nid = "a"\ntitle = "t"\nstarts_at = "tomorrow"\n',
]
for texts, wanted in ((good, True), (bad, False)):
    for text in texts:
        by_schema, by_reader = read(text)
        if (by_schema, by_reader) != (wanted, wanted):
            faults.append(f"wanted {wanted}, the schema says {by_schema}, the reader {by_reader}:\n{text}")

print("\n".join(faults))
sys.exit(bool(faults))
