#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Match the recorded executions of Atomic Red Team tests, compare with the recorded hits.

    sigma-atomics.py RINGFORT_SIGMA DATA DIFFERENCES

Each line of DIFFERENCES explains one difference: guid, "missing" or "extra", rule id, why.
One that is not explained fails, and so does an explanation that is no longer needed.
"""
import json
import subprocess
import sys

FOLDERS = ('rules', 'rules-emerging-threats', 'rules-threat-hunting', 'unsupported', 'deprecated')


def match(tool, data, events, category):
    arguments = [tool, 'eval', '--json', '--category', category]
    for folder in FOLDERS:
        arguments += ['--rules', f'{data}/sigma-linux/{folder}']
    lines = ''.join(json.dumps(event) + '\n' for event in events)
    done = subprocess.run(arguments, input=lines, capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)
    return [json.loads(line) for line in done.stdout.splitlines()]


def main():
    tool, data, differences = sys.argv[1:]
    tests = [t for t in json.load(open(f'{data}/atomics/atomics.json'))['tests'] if t.get('run')]
    known = {line.split('\t')[0] for line in open(f'{data}/sigma-linux/INDEX.tsv')}

    # All events in one go; the number of an event says which test it belongs to.
    hits = {t['guid']: set() for t in tests}
    for category, events in (
            ('process_creation', [(t['guid'], e) for t in tests for e in t['run']['exec']]),
            ('file_event', [(t['guid'], {'TargetFilename': name})
                            for t in tests for name in t['run'].get('created', [])])):
        for hit in match(tool, data, [event for _, event in events], category):
            hits[events[hit['event']][0]].add(hit['rule_id'])

    found = set()
    n_hits = 0
    for t in tests:
        # Rules that are not part of the data cannot be found.
        wanted = {hit['id'] for hit in t['sigma_hits'] if hit['id'] in known}
        n_hits += len(wanted & hits[t['guid']])
        found |= {(t['guid'], 'missing', rule) for rule in wanted - hits[t['guid']]}
        found |= {(t['guid'], 'extra', rule) for rule in hits[t['guid']] - wanted}

    explained = {}
    for line in open(differences):
        if line.strip() and not line.startswith('#'):
            guid, kind, rule, why = line.rstrip('\n').split('\t')
            explained[guid, kind, rule] = why
    for key in sorted(found):
        print('explained:' if key in explained else 'NOT EXPLAINED:', *key, explained.get(key, ''))
    for key in sorted(set(explained) - found):
        print('NO LONGER A DIFFERENCE:', *key)
    print(f'{len(tests)} tests, {n_hits} recorded hits found again, {len(found)} differences')
    return found != set(explained)


sys.exit(main())
