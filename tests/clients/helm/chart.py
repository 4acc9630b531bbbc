"""A chart by Helm's own library, and what it becomes by the schemas of Kubernetes:
chart.py DIRECTORY KUBERNETES, with values as JSON on standard input.

Prints JSON: `findings` of the linter, warnings and errors; `refused`, why the values are not taken, or
`objects` that the chart becomes and `faults` of these, with members that Kubernetes does not know."""

import json
import sys

import helm_python
import kubernetes_validate
import yaml

WARNING = 2
# Not of Kubernetes itself: it has no schema there.
FOREIGN = "monitoring.coreos.com/"


def faults_of(objects, kubernetes):
    faults = []
    for one in objects:
        if one["apiVersion"].startswith(FOREIGN):
            continue
        try:
            kubernetes_validate.validate(one, kubernetes, strict=True)
        except kubernetes_validate.ValidationError as error:
            faults.append("%s %s: %s: %s" % (one["kind"], one["metadata"]["name"],
                                             "/".join(map(str, error.path)), error.message))
    return faults


def main():
    directory, kubernetes = sys.argv[1:]
    values = json.load(sys.stdin)
    report = helm_python.lint(directory, values, strict=True, kube_version="v" + kubernetes)
    answer = {"findings": report["errors"] + [one["error"] for one in report["messages"]
                                              if one["severity"] >= WARNING]}
    try:
        with helm_python.Chart.load(directory) as chart:
            chart.validate_schema(values)
            manifests = chart.render(values, name="im", namespace="chat")
    except helm_python.HelmError as error:
        answer["refused"] = str(error)
    else:
        objects = [one for path, text in sorted(manifests.items()) if path.endswith(".yaml")
                   for one in yaml.safe_load_all(text) if one is not None]
        answer.update(objects=objects, faults=faults_of(objects, kubernetes))
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main()
