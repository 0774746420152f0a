"""The bus on Kafka against a bare loop on librdkafka with the same settings, on a broker of its own."""
import json
import os
import statistics
import subprocess

MESSAGES, BYTES = 100000, 400


def measure(tools, rounds):
    from buses import Kafka  # it starts nothing before it is asked
    program = f'{tools}/kafka_bench'
    if not os.path.exists(program):
        raise SystemExit('kafka: librdkafka-dev is not installed')
    kafka = Kafka()
    out = subprocess.run([program, kafka.url, str(MESSAGES), str(BYTES), str(rounds)], check=True,
                         capture_output=True, text=True)
    laps = json.loads(out.stdout)['rounds']
    middle = {name: [statistics.median(lap[name][side] for lap in laps) for side in (0, 1)]
              for name in ('publish', 'cpu_us', 'consume')}
    return {**{name: {'ours': middle[name][0], 'bare': middle[name][1], 'goal': 0.8, 'ratio': round(
                   statistics.median(lap[name][0] / lap[name][1] for lap in laps), 3)}
               for name in ('publish', 'consume')},
            'own_us': {'ours': round(middle['cpu_us'][0] - middle['cpu_us'][1], 2), 'goal': 2}}


def show(results):
    print(f'\n{"Kafka, messages/s":34} {"measured":>10}  {"librdkafka":>10}  {"ratio":>6}  goal')
    for name in ('publish', 'consume'):
        r = results[name]
        print(f'{name:34} {r["ours"]:>10.0f}  {r["bare"]:>10.0f}  {r["ratio"]:>6}  >= {r["goal"]}')
    own = results['own_us']
    print(f'{"own part of a publish, us":34} {own["ours"]:>10}  {"":10}  {"":6}  < {own["goal"]}')
