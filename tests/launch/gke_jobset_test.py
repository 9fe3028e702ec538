"""The JobSet, and what kubectl is told."""

import re

import pytest
import yaml

from tests.launch import launch_world


def _manifest(*argv):
  out, _ = launch_world.run("gke_jobset.sh", "manifest", *argv)
  jobset = yaml.safe_load(out)
  [job] = jobset["spec"]["replicatedJobs"]
  return jobset, job["template"]["spec"], job["template"]["spec"]["template"]


@pytest.mark.parametrize(
  ("topology", "accelerator", "chips", "hosts"),
  [
    ("v5e:4x4", "tpu-v5-lite-podslice", 4, 4),
    ("v5e:2x4", "tpu-v5-lite-podslice", 8, 1),
    ("v6e:1x1", "tpu-v6e-slice", 1, 1),
    ("v4:2x2x4", "tpu-v4-podslice", 4, 4),
    ("v5p:2x2x1", "tpu-v5p-slice", 4, 1),
  ],
)
def test_a_jobset_asks_for_all_hosts_of_a_slice(
  topology, accelerator, chips, hosts
):
  jobset, job, pod = _manifest(
    f"--topology={topology}",
    "--image=registry/image:1",
    "--",
    *launch_world.JOB,
  )
  assert (jobset["kind"], jobset["apiVersion"]) == (
    "JobSet",
    "jobset.x-k8s.io/v1alpha2",
  )
  assert (job["parallelism"], job["completions"]) == (hosts, hosts)
  assert job["completionMode"] == "Indexed"
  assert pod["spec"]["nodeSelector"] == {
    "cloud.google.com/gke-tpu-accelerator": accelerator,
    "cloud.google.com/gke-tpu-topology": topology.partition(":")[2],
  }
  [container] = pod["spec"]["containers"]
  assert container["image"] == "registry/image:1"
  assert container["resources"] == {
    "requests": {"google.com/tpu": chips},
    "limits": {"google.com/tpu": chips},
  }
  command = [word.replace("$$(", "$(") for word in container["command"]]
  assert command == launch_world.JOB
  assert not re.search(r"(?<!\$)\$\(", " ".join(container["command"]))


def test_a_jobset_starts_again_for_nothing_where_training_saved():
  jobset, job, pod = _manifest(
    "--topology=v5e:4x4", "--image=i", "--spot", "--bucket=b",
    "--service-account=sa", "--grace-period=90", "--name=no", "--", "train",
  )  # fmt: skip
  assert jobset["metadata"]["name"] == "no"
  policy = jobset["spec"]["failurePolicy"]
  assert policy["maxRestarts"] == 3
  [rule] = policy["rules"]
  assert rule["action"] == "RestartJobSetAndIgnoreMaxRestarts"
  assert rule["onJobFailureReasons"] == ["PodFailurePolicy"]
  disrupted, saved = job["podFailurePolicy"]["rules"]
  assert disrupted["onPodConditions"] == [
    {"type": "DisruptionTarget", "status": "True"}
  ]
  assert saved["onExitCodes"]["values"] == [143]
  # A policy of the pods is taken with restartPolicy Never only.
  assert pod["spec"]["restartPolicy"] == "Never"
  [container] = pod["spec"]["containers"]
  assert saved["onExitCodes"]["containerName"] == container["name"]
  assert pod["spec"]["terminationGracePeriodSeconds"] == 90
  assert pod["spec"]["nodeSelector"]["cloud.google.com/gke-spot"] == "true"
  assert pod["spec"]["tolerations"][0]["key"] == "cloud.google.com/gke-spot"
  assert pod["spec"]["serviceAccountName"] == "sa"
  assert pod["metadata"]["annotations"] == {"gke-gcsfuse/volumes": "true"}
  [mount], [volume] = container["volumeMounts"], pod["spec"]["volumes"]
  assert mount == {"name": volume["name"], "mountPath": "/bucket"}
  assert volume["csi"]["volumeAttributes"]["bucketName"] == "b"


def test_a_jobset_is_applied_its_logs_collected_and_deleted(world):
  flags = ["--topology=v5e:4x4", "--image=i", "--namespace=n"]
  launch_world.run("gke_jobset.sh", "run", *flags, "--", *launch_world.JOB)
  out, _ = launch_world.run(
    "gke_jobset.sh", "manifest", *flags, "--", *launch_world.JOB
  )
  assert (world / "applied").read_text() == out
  launch_world.run("gke_jobset.sh", "logs", "--namespace=n", "--logs=a b")
  text = (world / "a b" / "pod-slice-0-1.log").read_text()
  assert text == "log of pod/pod-slice-0-1\n"
  launch_world.run("gke_jobset.sh", "delete", "--namespace=n")
  calls = launch_world.calls(world)
  assert all(call[:2] == ["kubectl", "--namespace=n"] for call in calls)
  assert [call[2] for call in calls] == [
    "apply",
    "get",
    "logs",
    "logs",
    "delete",
  ]
