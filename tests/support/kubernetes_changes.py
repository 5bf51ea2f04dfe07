"""Ways to spoil what was rendered: each returns a function that changes it in one place."""

from __future__ import annotations


def of_pod(change):
    return lambda rendered: change(rendered.pod)


def of_container(change):
    return lambda rendered: change(rendered.container)


def of(kind, change, name="foldwatch"):
    return lambda rendered: change(rendered.the(kind, name))


def configured(old, new):
    def change(rendered):
        (configmap,) = (one for one in rendered.all("ConfigMap") if "foldwatch.yaml" in one["data"])
        assert old in configmap["data"]["foldwatch.yaml"]
        configmap["data"]["foldwatch.yaml"] = configmap["data"]["foldwatch.yaml"].replace(old, new)

    return change


def added(**one):
    return lambda rendered: rendered.objects.append({"apiVersion": "v1", **one})


def mounted(**volume):
    def change(rendered):
        rendered.pod["volumes"].append({"name": "more", **volume})
        rendered.container["volumeMounts"].append({"name": "more", "mountPath": "/more"})

    return change
