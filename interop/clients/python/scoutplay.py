"""Plays ScoutSuite 5.14's own code, unmodified, over the reference account of docs/lab.md, on a stub of AWS.

    python3 -m venv v && v/bin/pip install scoutsuite==5.14.0
    v/bin/python scoutplay.py 10 0.8 10 15000            # 10 x faster, a share of 80 %, --max-workers 10, 15,000 snapshots
    v/bin/python scoutplay.py 10 0.8 10 15000 ec2        # --services ec2
    v/bin/python scoutplay.py 10 0.8 10 15000 -ec2       # --skip ec2

Nothing leaves the machine: clients are replaced by a stub that answers by botocore's models, waits for a token of each bucket in scoutplay.json
(the lab's limits; first come first served, as an ideal pacer lets them out) and then for 34 ms. Building a client takes what was measured for it.
It prints how long the scan took in AWS's time, and how many calls it made.
"""

import os, sys, time, json, threading, asyncio, collections, re, io, contextlib, datetime

S = float(sys.argv[1])
SHARE = float(sys.argv[2])
WORKERS = int(sys.argv[3])
SNAP = int(sys.argv[4])
SERVICES = sys.argv[5] if len(sys.argv) > 5 else ""
import boto3, botocore.session
from botocore import xform_name

SHORT = {"efs": "elasticfilesystem", "elb": "elasticloadbalancing", "elbv2": "elasticloadbalancing", "emr": "elasticmapreduce"}
COST = {"ec2": 0.020, "s3": 0.0095, "iam": 0.0046, "kms": 0.003}
LIM = json.load(open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "scoutplay.json")))
REG = [
    "us-east-1",
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "ca-central-1",
    "eu-central-1",
    "eu-north-1",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "sa-east-1",
    "us-east-2",
    "us-west-1",
    "us-west-2",
]
T0 = [0]


def now():
    return (time.monotonic() - T0[0]) * S


def sleep(d):
    if d > 0:
        time.sleep(d / S)


lock = threading.Lock()
tat = {}
counts = collections.Counter()


def take(name, region):
    """a token of each bucket: returns how long to wait (ideal pacing at the share, first come first served)"""
    with lock:
        t = now()
        w = 0
        for q, cap, rate in LIM.get(name, [[name, 1e9, 1e9]]):
            r, burst = rate * SHARE, max(1, cap * SHARE - rate * SHARE)
            k = (q, region)
            x = max(tat.get(k, 0), t) + 1 / r
            tat[k] = x
            w = max(w, x - burst / r - t)
        return max(0, w)


def aws(service, region, op, params):
    name = SHORT.get(service, service) + ":" + op
    w = take(name, region if service not in ("iam",) else "us-east-1")
    sleep(w)
    sleep(0.034)
    with lock:
        counts[service + ":" + op] += 1


bs = botocore.session.get_session()
models = {}


def model(s):
    if s not in models:
        models[s] = bs.get_service_model(s)
    return models[s]


NUM = [0]


def gen(shape, depth=0):
    t = shape.type_name
    if t == "structure":
        return {} if depth > 4 else {k: gen(v, depth + 1) for k, v in shape.members.items()}
    if t == "list":
        return []
    if t == "map":
        return {}
    if t == "string":
        return shape.enum[0] if getattr(shape, "enum", None) else "x"
    if t in ("integer", "long"):
        return 1
    if t == "boolean":
        return False
    if t == "timestamp":
        return datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)
    if t in ("float", "double"):
        return 1.0
    return b""


DOC = {"Version": "2012-10-17", "Statement": []}


def items(shape, key, n, **kw):
    member = shape.members[key].member
    out = []
    for i in range(n):
        NUM[0] += 1
        x = gen(member)
        if not isinstance(x, dict):
            x = f"x{NUM[0]}"
        else:
            for k in list(x):
                if isinstance(x[k], str) and re.search(r"(Id|Name|Arn|ARN|Identifier)$", k):
                    x[k] = f"{k}-{NUM[0]}"
            for k, v in kw.items():
                x[k] = v(NUM[0], i) if callable(v) else v
        out.append(x)
    return out


H = lambda r: r == "us-east-1"


def vpcs(r):
    return [f"vpc-{r}-{i}" for i in range(5 if H(r) else 1)]


# op -> (key, count(region,params), page, extra fields)
ACC = "arn:aws:iam::123456789012:"
L = {
    ("ec2", "DescribeSnapshots"): (
        "Snapshots",
        lambda r, p: SNAP if H(r) else 0,
        1000,
        {"VolumeId": "v", "OwnerId": "123456789012", "Encrypted": True},
    ),
    ("ec2", "DescribeVolumes"): (
        "Volumes",
        lambda r, p: 1500 if H(r) else 0,
        1000,
        {"KmsKeyId": "k", "Encrypted": True, "Attachments": []},
    ),
    ("ec2", "DescribeVpcs"): ("Vpcs", lambda r, p: 5 if H(r) else 1, 0, None),
    ("ec2", "DescribeInstances"): None,
    ("iam", "ListUsers"): ("Users", lambda r, p: 50, 100, {}),
    ("iam", "ListRoles"): ("Roles", lambda r, p: 400, 100, {"AssumeRolePolicyDocument": lambda n, i: dict(DOC)}),
    ("iam", "ListGroups"): ("Groups", lambda r, p: 15, 100, {}),
    ("iam", "ListPolicies"): ("Policies", lambda r, p: 250, 100, {}),
    ("iam", "ListAttachedRolePolicies"): ("AttachedPolicies", lambda r, p: 2, 100, {}),
    ("iam", "ListUserPolicies"): ("PolicyNames", lambda r, p: 1, 100, {}),
    ("iam", "ListRolePolicies"): ("PolicyNames", lambda r, p: 1, 100, {}),
    ("iam", "ListGroupPolicies"): ("PolicyNames", lambda r, p: 1, 100, {}),
    ("s3", "ListBuckets"): ("Buckets", lambda r, p: 200, 0, {}),
    ("kms", "ListKeys"): ("Keys", lambda r, p: 60 if H(r) else 0, 0, {}),
    ("lambda", "ListFunctions"): ("Functions", lambda r, p: 200 if H(r) else 0, 50, {"Role": ACC + "role/r"}),
    ("cloudformation", "ListStacks"): ("StackSummaries", lambda r, p: 150 if H(r) else 0, 100, {"StackStatus": "CREATE_COMPLETE"}),
    ("sns", "ListTopics"): ("Topics", lambda r, p: 60 if H(r) else 0, 100, {}),
    ("sqs", "ListQueues"): ("QueueUrls", lambda r, p: 80 if H(r) else 0, 0, {}),
    ("dynamodb", "ListTables"): ("TableNames", lambda r, p: 50 if H(r) else 0, 100, {}),
    ("rds", "DescribeDBInstances"): (
        "DBInstances",
        lambda r, p: 40 if H(r) else 0,
        100,
        {"DBSubnetGroup": lambda n, i: {"VpcId": "vpc-us-east-1-0"}},
    ),
    ("rds", "DescribeDBSnapshots"): ("DBSnapshots", lambda r, p: 400 if H(r) else 0, 100, {"VpcId": "vpc-us-east-1-0"}),
    ("rds", "DescribeDBParameterGroups"): ("DBParameterGroups", lambda r, p: 20 if H(r) else 0, 100, {}),
    ("rds", "DescribeDBParameters"): ("Parameters", lambda r, p: 400, 100, {}),
    ("elbv2", "DescribeLoadBalancers"): (
        "LoadBalancers",
        lambda r, p: 60 if H(r) else 0,
        400,
        {"VpcId": "vpc-us-east-1-0", "SecurityGroups": []},
    ),
    ("secretsmanager", "ListSecrets"): ("SecretList", lambda r, p: 150 if H(r) else 0, 100, {}),
    ("acm", "ListCertificates"): ("CertificateSummaryList", lambda r, p: 40 if H(r) else 0, 1000, {}),
    ("cloudtrail", "DescribeTrails"): (
        "trailList",
        lambda r, p: 2,
        0,
        {"IsMultiRegionTrail": True, "HomeRegion": "us-east-1", "IncludeGlobalServiceEvents": True},
    ),
    ("route53", "ListHostedZones"): ("HostedZones", lambda r, p: 20, 100, {}),
}


def answer(service, region, op, params, page=None):
    om = model(service).operation_model(op)
    sh = om.output_shape
    r = gen(sh) if sh is not None else {}
    spec = L.get((service, op))
    if (service, op) == ("ec2", "DescribeInstances"):
        v = params["Filters"][0]["Values"][0]
        n = 100 if v.startswith("vpc-us-east-1") else 0
        res = items(sh, "Reservations", 1 if n else 0)
        for x in res:
            inst = om.output_shape.members["Reservations"].member.members["Instances"]
            x["Instances"] = [dict(gen(inst.member), InstanceId=f"i-{v}-{i}", VpcId=v) for i in range(n)]
        r["Reservations"] = res
    elif (service, op) == ("ec2", "DescribeVpcs"):
        r["Vpcs"] = [dict(gen(sh.members["Vpcs"].member), VpcId=v) for v in vpcs(region)]
    elif spec:
        key, count, size, kw = spec
        n = count(region, params)
        if page is not None and size:
            n = max(0, min(size, n - page * size))
        r[key] = items(sh, key, n, **(kw or {}))
    if op == "GenerateCredentialReport":
        r["State"] = "COMPLETE"
    if op == "GetCredentialReport":
        cols = "user,arn,user_creation_time,password_enabled,password_last_used,password_last_changed,password_next_rotation,mfa_active,access_key_1_active,access_key_1_last_rotated,access_key_1_last_used_date,access_key_1_last_used_region,access_key_1_last_used_service,access_key_2_active,access_key_2_last_rotated,access_key_2_last_used_date,access_key_2_last_used_region,access_key_2_last_used_service,cert_1_active,cert_1_last_rotated,cert_2_active,cert_2_last_rotated"
        rows = [cols]
        rows.append(
            ",".join(
                [
                    "<root_account>",
                    ACC + "root",
                    "2026-01-01T00:00:00+00:00",
                    "not_supported",
                    "2026-01-01T00:00:00+00:00",
                    "not_supported",
                    "not_supported",
                    "true",
                ]
                + ["false", "N/A", "N/A", "N/A", "N/A"] * 2
                + ["false", "N/A", "false", "N/A"]
            )
        )
        for i in range(50):
            rows.append(
                ",".join(
                    [
                        "u%d" % i,
                        ACC + "user/u%d" % i,
                        "2026-01-01T00:00:00+00:00",
                        "true",
                        "no_information",
                        "2026-01-01T00:00:00+00:00",
                        "N/A",
                        "true" if i < 40 else "false",
                    ]
                    + ["false", "N/A", "N/A", "N/A", "N/A"] * 2
                    + ["false", "N/A", "false", "N/A"]
                )
            )
        r["Content"] = "\n".join(rows).encode()
    if op in ("GetPolicyVersion",):
        r["PolicyVersion"]["Document"] = dict(DOC)
    if op in ("GetUserPolicy", "GetRolePolicy", "GetGroupPolicy"):
        r["PolicyDocument"] = dict(DOC)
    if op == "GetCallerIdentity":
        r.update(Account="123456789012", Arn=ACC + "user/a")
    if op == "DescribeInstanceAttribute":
        r["UserData"] = {}
    r["ResponseMetadata"] = {}
    if (service, op) == ("elbv2", "DescribeTags"):
        r["TagDescriptions"] = [{"Tags": []}]
    if op == "DescribeRegions":
        r["Regions"] = []
    for k in ("Policy", "ResourcePolicy", "PolicyBody", "StackPolicyBody"):
        if isinstance(r.get(k), str):
            r[k] = json.dumps(DOC)
    if (service, op) == ("kms", "DescribeKey"):
        r["KeyMetadata"].update(KeyManager="CUSTOMER", Origin="AWS_KMS", KeyState="Enabled")
    if (service, op) == ("cloudformation", "DescribeStacks"):
        r["Stacks"] = items(sh, "Stacks", 1)
    if (service, op) == ("rds", "DescribeDBClusters"):
        r["DBClusters"] = items(sh, "DBClusters", 1)
    if (service, op) == ("s3", "GetBucketLocation"):
        r["LocationConstraint"] = None
    return r


class Paginator:
    def __init__(s, c, op):
        s.c, s.op = c, op

    def paginate(s, **kw):
        spec = L.get((s.c.s, s.op))
        n = 1
        if spec and spec[2]:
            n = max(1, -(-spec[1](s.c.r, kw) // spec[2]))

        def it():
            for i in range(n):
                aws(s.c.s, s.c.r, s.op, kw)
                yield answer(s.c.s, s.c.r, s.op, kw, i)

        return it()


class Exc:
    def __getattr__(s, k):
        return type(k, (Exception,), {})


class Client:
    exceptions = Exc()

    def __init__(s, service, region):
        s.s, s.r = service, region or "us-east-1"
        s.ops = {xform_name(o): o for o in model(service).operation_names}

        class M:
            pass

        s.meta = M()
        s.meta.region_name = s.r

    def get_paginator(s, name):
        return Paginator(s, s.ops[name])

    def __getattr__(s, name):
        op = s.ops[name]

        def call(**kw):
            aws(s.s, s.r, op, kw)
            return answer(s.s, s.r, op, kw)

        return call


clients = {}
built = collections.Counter()


def client(self, service_name, region_name=None, **kw):
    built[service_name] += 1
    sleep(COST.get(service_name, 0.004))
    k = (service_name, region_name)
    if k not in clients:
        clients[k] = Client(*k)
    return clients[k]


boto3.session.Session.client = client
boto3.session.Session.get_available_regions = lambda self, service, partition_name="aws", **k: (
    ["us-east-1"] if service == "route53domains" else list(REG)
)
for s in [
    "acm",
    "lambda",
    "cloudformation",
    "cloudtrail",
    "cloudwatch",
    "logs",
    "cloudfront",
    "codebuild",
    "config",
    "directconnect",
    "dynamodb",
    "ec2",
    "efs",
    "elasticache",
    "elb",
    "elbv2",
    "emr",
    "iam",
    "kms",
    "rds",
    "redshift",
    "route53",
    "route53domains",
    "s3",
    "s3control",
    "ses",
    "sns",
    "sqs",
    "secretsmanager",
    "sts",
]:
    m = model(s)
    for o in m.operation_names[:1]:
        m.operation_model(o)
for k in L:
    m = model(k[0]).operation_model(k[1])
    gen(m.output_shape)
from asyncio_throttle import Throttler
from concurrent.futures import ThreadPoolExecutor
from ScoutSuite.providers.aws.services import AWSServicesConfig
from ScoutSuite.providers.aws.facade.base import AWSFacade
import ScoutSuite.core.console as con


class Cred:
    session = boto3.session.Session("AKIAIOSFODNN7EXAMPLE", "x", region_name="us-east-1")


async def main():
    cfg = AWSServicesConfig(Cred())
    names = [n for n in vars(cfg) if n != "credentials"]
    if SERVICES.startswith("-"):
        names = [n for n in names if n != SERVICES[1:]]
    elif SERVICES:
        names = [n for n in names if n == SERVICES]
    await cfg.fetch(names, [], [])
    return cfg


loop = asyncio.new_event_loop()
asyncio.set_event_loop(loop)
loop.throttler = Throttler(rate_limit=999999, period=1)
loop.set_default_executor(ThreadPoolExecutor(max_workers=WORKERS))
T0[0] = time.monotonic()
err = io.StringIO()
with contextlib.redirect_stdout(err):
    loop.run_until_complete(main())
total = now()
print("total %.1f s of AWS time, %d calls, %d clients built, wall %.1f s" % (total, sum(counts.values()), sum(built.values()), total / S))
