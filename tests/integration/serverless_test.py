"""serverless.yml, read by a YAML parser that is not ours: what it names is there, and no policy
grants more than it must."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile

import tap

tap.need("yaml")

import yaml  # noqa: E402

ROOT = sys.argv[1]
TEXT = open(os.path.join(ROOT, "serverless.yml"), encoding="utf-8").read()
CONFIG = yaml.safe_load(TEXT)
RESOURCES = CONFIG["resources"]["Resources"]


def read(name):
    return open(os.path.join(ROOT, name), encoding="utf-8").read()


def functions_run_on_the_os_only_runtime_from_their_packages():
    assert CONFIG["provider"]["runtime"] == "provided.al2023"
    assert set(CONFIG["functions"]) == {"payment", "notification"}
    script = read("scripts/package-lambda")
    assert '"$output/$name-lambda.zip"' in script and "output=dist" in script
    for name, function in CONFIG["functions"].items():
        assert function["package"]["artifact"] == f"dist/{name}-lambda.zip"
        assert function["handler"] == "bootstrap"


def every_setting_is_one_that_the_functions_know():
    known = set(re.findall(r'"([A-Z][A-Z0-9_]+)"', read("daemon/settings.c")))
    used = set(CONFIG["provider"]["environment"])
    for function in CONFIG["functions"].values():
        used |= set(function["environment"])
    assert used <= known, used - known


def policies_name_their_resources_and_no_star():
    for name, resource in RESOURCES.items():
        policies = resource["Properties"].get("Policies", [])
        if resource["Type"] == "AWS::IAM::Policy":
            policies = [resource["Properties"]]
        for policy in policies:
            for statement in policy["PolicyDocument"]["Statement"]:
                actions = statement["Action"]
                for action in [actions] if isinstance(actions, str) else actions:
                    assert "*" not in action, (name, action)
                assert statement["Resource"] != "*", name


def references_lead_to_something():
    made = set(RESOURCES) | {f"{n.capitalize()}LambdaFunction" for n in CONFIG["functions"]}

    def walk(value):
        if isinstance(value, dict):
            for key, inner in value.items():
                if key == "Ref":
                    assert inner in made or inner.startswith("AWS::"), inner
                elif key == "Fn::GetAtt":
                    assert inner[0] in made, inner
                walk(inner)
        elif isinstance(value, list):
            for inner in value:
                walk(inner)

    walk(CONFIG["resources"])
    for resource in RESOURCES.values():
        for needed in [resource.get("DependsOn")] if resource.get("DependsOn") else []:
            assert needed in made, needed
        if resource.get("Condition"):
            assert resource["Condition"] in CONFIG["resources"]["Conditions"]
    for function in CONFIG["functions"].values():
        assert function["role"] in made


def no_secret_is_in_the_environment_of_a_function():
    for function in [CONFIG["provider"], *CONFIG["functions"].values()]:
        for name in function["environment"]:
            assert not re.search("SECRET|KEY|PASSWORD|MONGODB_URI", name), name


def failures_have_somewhere_to_go_and_logs_end():
    assert CONFIG["provider"]["logRetentionInDays"] > 0
    for name in ("PaymentAsync", "NotificationAsync", "NotificationKafka"):
        assert RESOURCES[name]["Properties"]["DestinationConfig"]["OnFailure"]["Destination"]
    kafka = RESOURCES["NotificationKafka"]["Properties"]
    assert kafka["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert kafka["BatchSize"] <= 100


def a_sam_template_says_the_same():
    template = yaml.safe_load(read("template.yaml"))
    assert template["Transform"] == "AWS::Serverless-2016-10-31"
    shared = template["Globals"]["Function"]
    assert shared["Runtime"] == CONFIG["provider"]["runtime"]
    assert set(shared["Environment"]["Variables"]) == set(CONFIG["provider"]["environment"])
    for key, ours in (("MemorySize", "memorySize"), ("Timeout", "timeout")):
        assert shared[key] == CONFIG["provider"][ours]
    for name, function in CONFIG["functions"].items():
        properties = template["Resources"][name.capitalize()]["Properties"]
        assert properties["CodeUri"] == function["package"]["artifact"]
        assert properties["Description"] == function["description"]
        assert properties["EventInvokeConfig"]["DestinationConfig"]["OnFailure"]["Type"] == "SQS"
        log = template["Resources"][f"{name.capitalize()}Log"]["Properties"]
        assert log["RetentionInDays"] == CONFIG["provider"]["logRetentionInDays"]
        known = set(re.findall(r'"([A-Z][A-Z0-9_]+)"', read("daemon/settings.c")))
        assert set(properties.get("Environment", {}).get("Variables", {})) <= known


def the_example_deploys_what_it_makes():
    config = yaml.safe_load(read("examples/function/serverless.yml"))
    (function,) = config["functions"].values()
    assert config["provider"]["runtime"] == "provided.al2023"
    assert re.search(rf'^{function["package"]["artifact"]}: bootstrap$', read("examples/function/Makefile"), re.M)


def the_framework_packages_it_without_aws():
    """osls, the free continuation of Serverless Framework 3; with the trigger from Kafka."""
    osls = os.path.join(ROOT, "tests/node/node_modules/.bin/osls")
    if not os.path.exists(osls):
        assert os.environ.get("CI") != "true", "osls is not installed: npm ci in tests/node"
        print("# skipped: osls is not installed: npm ci in tests/node")
        return
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(os.path.join(ROOT, "serverless.yml"), folder)
        os.mkdir(os.path.join(folder, "dist"))
        for name in CONFIG["functions"]:
            with zipfile.ZipFile(os.path.join(folder, "dist", f"{name}-lambda.zip"), "w") as package:
                package.writestr("bootstrap", "")
        secret = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:kafka-abc123"
        env = {"PATH": os.environ["PATH"], "HOME": folder, "SLS_TELEMETRY_DISABLED": "1",
               "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "y", "AWS_REGION": "eu-west-1",
               "KAFKA_BOOTSTRAP_SERVERS": "broker.example.com:9092", "KAFKA_SECRET_ARN": secret}
        out = subprocess.run([osls, "package"], cwd=folder, env=env, capture_output=True, text=True,
                             timeout=240)
        assert out.returncode == 0, out.stdout + out.stderr
        with open(os.path.join(folder, ".serverless/cloudformation-template-update-stack.json")) as file:
            made = json.load(file)["Resources"]
    for name in CONFIG["functions"]:
        function = made[f"{name.capitalize()}LambdaFunction"]["Properties"]
        assert function["Runtime"] == "provided.al2023" and function["MemorySize"] == 128, function
        assert function["Role"] == {"Fn::GetAtt": [f"{name.capitalize()}Role", "Arn"]}, function
        log = made[f"{name.capitalize()}LogGroup"]["Properties"]
        assert log == {"LogGroupName": f"/aws/lambda/libecom-dev-{name}", "RetentionInDays": 14}, log
        policy = json.dumps(made[f"{name.capitalize()}Role"])
        assert f"log-group:/aws/lambda/libecom-dev-{name}:*" in policy, policy
    policy = made["KafkaSecretPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    assert [s["Resource"] for s in policy] == [secret], policy


tap.run([
    functions_run_on_the_os_only_runtime_from_their_packages,
    every_setting_is_one_that_the_functions_know,
    policies_name_their_resources_and_no_star,
    references_lead_to_something,
    no_secret_is_in_the_environment_of_a_function,
    failures_have_somewhere_to_go_and_logs_end,
    a_sam_template_says_the_same,
    the_example_deploys_what_it_makes,
    the_framework_packages_it_without_aws,
])
