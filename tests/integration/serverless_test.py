"""serverless.yml and template.yaml, read by a YAML parser, the framework and a validator of
CloudFormation that are not ours: what they name is there, and no policy grants more than it must."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile

import tap

tap.need("yaml", "cfnlint")

import yaml  # noqa: E402

ROOT = sys.argv[1]
TEXT = open(os.path.join(ROOT, "serverless.yml"), encoding="utf-8").read()
CONFIG = yaml.safe_load(TEXT)
RESOURCES = CONFIG["resources"]["Resources"]
OSLS = os.path.join(ROOT, "tests/node/node_modules/.bin/osls")
PAYMENT_ENVIRONMENTS = CONFIG["custom"]["payment"]
KAFKA = {"KAFKA_BOOTSTRAP_SERVERS": "broker.example.com:9092", "PAYMENT_TRIGGER": "kafka",
         "KAFKA_SECRET_ARN": "arn:aws:secretsmanager:eu-central-1:123456789012:secret:kafka-abc123",
         "KAFKA_TOPIC_PREFIX": "shop."}


def environments():
    """Every one that there may be; all but the payment function's are told once."""
    return [CONFIG["provider"]["environment"], CONFIG["functions"]["notification"]["environment"],
            *PAYMENT_ENVIRONMENTS.values()]


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
    for environment in environments():
        assert set(environment) <= known, set(environment) - known
    assert CONFIG["functions"]["payment"]["environment"] == "${self:custom.payment.${env:PAYMENT_TRIGGER, 'worker'}}"


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


def a_secret_is_only_in_an_environment_as_a_reference_to_it():
    for environment in environments():
        for name, value in environment.items():
            if re.search("SECRET|KEY|PASSWORD|MONGODB_URI", name):
                assert re.fullmatch(r"\{\{resolve:secretsmanager:\$\{self:custom.kafka.secret\}:SecretString:\w+\}\}",
                                    value), (name, value)


def failures_have_somewhere_to_go_and_logs_end():
    assert CONFIG["provider"]["logRetentionInDays"] > 0
    for name in ("PaymentAsync", "NotificationAsync", "PaymentKafka", "NotificationKafka"):
        assert RESOURCES[name]["Properties"]["DestinationConfig"]["OnFailure"]["Destination"]
    for name in ("PaymentKafka", "NotificationKafka"):
        kafka = RESOURCES[name]["Properties"]
        assert kafka["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
        assert kafka["BatchSize"] <= 100 and kafka["MaximumRetryAttempts"] >= 0


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


def validate(*paths):
    """By cfn-lint; what it merely warns of does not count."""
    lint = os.path.join(os.path.dirname(sys.executable), "cfn-lint")
    out = subprocess.run([lint, "--ignore-checks", "W", "--regions", "eu-west-1", "--", *paths],
                         capture_output=True, text=True, timeout=240)
    assert out.returncode == 0, out.stdout + out.stderr


def package(settings):
    """What osls makes of it, the free continuation of Serverless Framework 3: CloudFormation's template."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(os.path.join(ROOT, "serverless.yml"), folder)
        os.mkdir(os.path.join(folder, "dist"))
        for name in CONFIG["functions"]:
            with zipfile.ZipFile(os.path.join(folder, "dist", f"{name}-lambda.zip"), "w") as package:
                package.writestr("bootstrap", "")
        env = {"PATH": os.environ["PATH"], "HOME": folder, "SLS_TELEMETRY_DISABLED": "1",
               "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "y", "AWS_REGION": "eu-west-1", **settings}
        out = subprocess.run([OSLS, "package"], cwd=folder, env=env, capture_output=True, text=True,
                             timeout=240)
        assert out.returncode == 0, out.stdout + out.stderr
        path = os.path.join(folder, ".serverless/cloudformation-template-update-stack.json")
        validate(path)
        with open(path) as file:
            return json.load(file)


def have_osls():
    if os.path.exists(OSLS):
        return True
    assert os.environ.get("CI") != "true", "osls is not installed: npm ci in tests/node"
    print("# skipped: osls is not installed: npm ci in tests/node")
    return False


def the_framework_packages_it_without_aws():
    if not have_osls():
        return
    template = package({})
    made = template["Resources"]
    for name in CONFIG["functions"]:
        function = made[f"{name.capitalize()}LambdaFunction"]["Properties"]
        assert function["Runtime"] == "provided.al2023" and function["MemorySize"] == 128, function
        assert function["Role"] == {"Fn::GetAtt": [f"{name.capitalize()}Role", "Arn"]}, function
        assert not [v for v in function["Environment"]["Variables"] if "KAFKA" in v], function
        log = made[f"{name.capitalize()}LogGroup"]["Properties"]
        assert log == {"LogGroupName": f"/aws/lambda/libecom-dev-{name}", "RetentionInDays": 14}, log
        policy = json.dumps(made[f"{name.capitalize()}Role"])
        assert f"log-group:/aws/lambda/libecom-dev-{name}:*" in policy, policy
        assert "secretsmanager" not in policy, policy
    assert template["Conditions"]["HasKafka"] == {"Fn::Not": [{"Fn::Equals": ["", ""]}]}
    assert template["Conditions"]["PaymentHasKafka"] == {"Fn::Equals": ["worker", "kafka"]}


def with_kafka_both_functions_are_triggered_and_payment_publishes():
    if not have_osls():
        return
    template = package(KAFKA)
    made, secret = template["Resources"], KAFKA["KAFKA_SECRET_ARN"]
    assert template["Conditions"]["PaymentHasKafka"] == {"Fn::Equals": ["kafka", "kafka"]}
    for name, topic, condition in (("Payment", "shop.order-events", "PaymentHasKafka"),
                                   ("Notification", "shop.payment-events", "HasKafka")):
        trigger, policy = made[f"{name}Kafka"], made[f"{name}KafkaSecret"]
        assert (trigger["Condition"], policy["Condition"]) == (condition, condition)
        assert trigger["DependsOn"] == [f"{name}KafkaSecret"], trigger
        assert policy["Properties"]["Roles"] == [{"Ref": f"{name}Role"}], policy
        statements = policy["Properties"]["PolicyDocument"]["Statement"]
        assert [(s["Action"], s["Resource"]) for s in statements] == [("secretsmanager:GetSecretValue", secret)]
        trigger = trigger["Properties"]
        assert trigger["FunctionName"] == {"Ref": f"{name}LambdaFunction"}, trigger
        assert trigger["Topics"] == [topic], trigger
        assert trigger["SourceAccessConfigurations"] == [{"Type": "BASIC_AUTH", "URI": secret}], trigger
        assert trigger["SelfManagedEventSource"]["Endpoints"]["KafkaBootstrapServers"] == ["broker.example.com:9092"]
        assert trigger["SelfManagedKafkaEventSourceConfig"]["ConsumerGroupId"] == f"libecom-dev-{name.lower()}"
    payment = made["PaymentLambdaFunction"]["Properties"]["Environment"]["Variables"]
    assert payment["KAFKA_API_SECRET"] == f"{{{{resolve:secretsmanager:{secret}:SecretString:password}}}}", payment
    assert payment["KAFKA_BOOTSTRAP_SERVERS"] == "broker.example.com:9092" and payment["KAFKA_TOPIC_PREFIX"] == "shop."
    telling = made["NotificationLambdaFunction"]["Properties"]["Environment"]["Variables"]
    assert not [name for name in telling if "KAFKA" in name], telling


def a_validator_finds_the_sam_template_sound():
    validate(os.path.join(ROOT, "template.yaml"))


tap.run([
    functions_run_on_the_os_only_runtime_from_their_packages,
    every_setting_is_one_that_the_functions_know,
    policies_name_their_resources_and_no_star,
    references_lead_to_something,
    a_secret_is_only_in_an_environment_as_a_reference_to_it,
    failures_have_somewhere_to_go_and_logs_end,
    a_sam_template_says_the_same,
    the_example_deploys_what_it_makes,
    the_framework_packages_it_without_aws,
    with_kafka_both_functions_are_triggered_and_payment_publishes,
    a_validator_finds_the_sam_template_sound,
])
