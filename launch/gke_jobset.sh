#!/usr/bin/env bash
# Trains on a TPU slice of a GKE cluster, as a JobSet. See --help.
set -euo pipefail
# shellcheck source=common.sh
. "$(dirname "$0")/common.sh"

usage() {
  cat <<'HELP'
Trains on a TPU slice of a GKE cluster that has JobSet (0.7 or newer).

  launch/gke_jobset.sh run [FLAGS] -- COMMAND    submits the job to the cluster
  launch/gke_jobset.sh manifest [FLAGS] -- COMMAND   prints the manifest of run
  launch/gke_jobset.sh logs --name NAME --logs FOLDER   writes a log per host
  launch/gke_jobset.sh delete --name NAME    ends the job; it saves first

The cluster is kubectl's current one. The image must have this project installed
with [tpu] and its checkout as the working directory. All hosts must see
MODEL_DIR, and it must outlive them. It can be in a bucket, gs://…; the image
then also needs [gcs], and the service account needs storage.buckets.get and
access to the objects. Or it can be in /bucket, where --bucket mounts a bucket;
cached tokens can be there too.

A job that is preempted, or that saves on SIGTERM and exits with 143, is started
again without limit. A job that fails is started again --max-restarts times.

flags:
  --name NAME            name of the job (instructrec)
  --namespace NAME       namespace (kubectl's)
  --topology TPU:SHAPE   e.g. v5e:4x4 or v4:2x2x4, as for `instructrec plan`
  --image IMAGE          the container image
  --spot                 use nodes that can be preempted
  --bucket BUCKET        bucket to mount at /bucket, with Cloud Storage FUSE
  --service-account NAME account of the pods, such as one that may use BUCKET
  --grace-period SECONDS time between SIGTERM and the end (300; a spot node
                         leaves only about 15)
  --max-restarts N       restarts after failures (3)
  --logs FOLDER          where `logs` writes (logs)
  --smoke FOLDER         run launch/local_smoke.sh as the job, model in FOLDER
  --dry-run              print the commands, run nothing

examples:
  launch/gke_jobset.sh run --topology v5e:4x4 --image "$IMAGE" \
    --bucket my-bucket --service-account trainer -- instructrec train \
    --gin_file=runs/native_finetune.gin --gin_file=experiments/games_tiny.gin \
    --gin.MODEL_DIR="'/bucket/games'"
  launch/gke_jobset.sh run --topology v6e:2x4 --image "$IMAGE" --dry-run \
    --bucket my-bucket --smoke /bucket/smoke
HELP
}

# Prints a word as JSON, which is YAML too.
json() {
  local word=${1//\\/\\\\}
  word=${word//\"/\\\"}
  word=${word//$'\n'/\\n}
  word=${word//$'\t'/\\t}
  word=${word//$'\r'/\\r}
  printf '"%s"' "$word"
}

manifest() {
  declare -A accelerators=(
    [v4]=tpu-v4-podslice [v5e]=tpu-v5-lite-podslice
    [v5p]=tpu-v5p-slice [v6e]=tpu-v6e-slice
  )
  # Hosts have four chips, but the small slices of v5e and v6e are one host.
  local chips_per_host=4
  [[ $generation != v[56]e ]] || ((chips > 8)) || chips_per_host=$chips
  ((chips % chips_per_host == 0)) || usage_error "$generation has hosts of" \
    "$chips_per_host chips, but $topology has $chips chips"
  local hosts=$((chips / chips_per_host)) word words='' dollar='$'
  for word in "${job[@]}"; do
    # Kubernetes replaces $(NAME) by its variable, and $$( by $(.
    word=${word//"$dollar("/"$dollar$dollar("}
    words+="${words:+, }$(json "$word")"
  done

  cat <<YAML
apiVersion: jobset.x-k8s.io/v1alpha2
kind: JobSet
metadata:
  name: $(json "${flags[name]}")
  annotations:
    alpha.jobset.sigs.k8s.io/exclusive-topology: cloud.google.com/gke-nodepool
spec:
  # A headless service with the job's name, by which hosts find each other.
  network:
    enableDNSHostnames: true
    publishNotReadyAddresses: true
  failurePolicy:
    maxRestarts: ${flags[max-restarts]}
    # No host starts before all hosts of the last try are gone.
    restartStrategy: BlockingRecreate
    rules:
      - name: saved_or_preempted
        action: RestartJobSetAndIgnoreMaxRestarts
        onJobFailureReasons: [PodFailurePolicy]
  replicatedJobs:
    - name: slice
      replicas: 1
      template:
        spec:
          parallelism: $hosts
          completions: $hosts
          completionMode: Indexed
          backoffLimit: 0
          podFailurePolicy:
            rules:
              - action: FailJob
                onPodConditions:
                  - {type: DisruptionTarget, status: "True"}
              - action: FailJob
                onExitCodes:
                  containerName: train
                  operator: In
                  values: [$UNFINISHED]
          template:
YAML
  [[ -z ${flags[bucket]} ]] || cat <<YAML
            metadata:
              annotations:
                gke-gcsfuse/volumes: "true"
YAML
  cat <<YAML
            spec:
              restartPolicy: Never
              terminationGracePeriodSeconds: ${flags[grace-period]}
              nodeSelector:
                cloud.google.com/gke-tpu-accelerator: ${accelerators[$generation]}
                cloud.google.com/gke-tpu-topology: $topology
YAML
  [[ ${flags[spot]} == no ]] || cat <<YAML
                cloud.google.com/gke-spot: "true"
              tolerations:
                - key: cloud.google.com/gke-spot
                  operator: Equal
                  value: "true"
                  effect: NoSchedule
YAML
  [[ -z ${flags[service-account]} ]] || cat <<YAML
              serviceAccountName: $(json "${flags[service-account]}")
YAML
  cat <<YAML
              containers:
                - name: train
                  image: $(json "${flags[image]}")
                  # Without a shell, so that SIGTERM reaches the training.
                  command: [$words]
                  ports:
                    - containerPort: 8471
                    - containerPort: 8482
                  resources:
                    requests: {google.com/tpu: $chips_per_host}
                    limits: {google.com/tpu: $chips_per_host}
YAML
  [[ -z ${flags[bucket]} ]] || cat <<YAML
                  volumeMounts:
                    - {name: bucket, mountPath: /bucket}
              volumes:
                - name: bucket
                  csi:
                    driver: gcsfuse.csi.storage.gke.io
                    volumeAttributes:
                      bucketName: $(json "${flags[bucket]}")
                      mountOptions: implicit-dirs
YAML
}

apply() {
  local rendered
  rendered=$(manifest)
  if [[ ${flags[dry-run]} == yes ]]; then
    printf '%s <<%s\n%s\n%s\n' "$(quote "${kubectl[@]}" apply --filename=-)" \
      "'MANIFEST'" "$rendered" MANIFEST
  else
    "${kubectl[@]}" apply --filename=- <<<"$rendered"
  fi
}

logs() {
  local pod pods
  local selector=jobset.sigs.k8s.io/jobset-name=${flags[name]}
  local get=("${kubectl[@]}" get pods --selector="$selector" --output=name)
  run mkdir -p "${flags[logs]}"
  if [[ ${flags[dry-run]} == yes ]]; then
    quote "${get[@]}"
    pods=pod/POD
  else
    pods=$("${get[@]}")
    [[ -n $pods ]] || die "the job ${flags[name]} has no pods"
  fi
  for pod in $pods; do
    log_of "$pod" "${flags[logs]}/${pod#pod/}.log"
  done
}

log_of() {
  local get=("${kubectl[@]}" logs "$1" --container=train --timestamps)
  if [[ ${flags[dry-run]} == yes ]]; then
    printf '%s >%s\n' "$(quote "${get[@]}")" "$(quote "$2")"
  else
    "${get[@]}" >"$2"
    say "$2"
  fi
}

(($#)) || { usage >&2; exit 2; }
flags=(
  [name]=instructrec [namespace]="" [topology]="" [image]="" [spot]=no
  [bucket]="" [service-account]="" [grace-period]=300 [max-restarts]=3
  [logs]=logs [smoke]="" [dry-run]=no
)
action=$1
case $action in
  run | manifest | logs | delete) shift ;;
  -h | --help) ;;
  *) usage_error "unknown command '$action': run, manifest, logs or delete" ;;
esac
parse_flags "$@"
need_name
kubectl=(kubectl)
[[ -z ${flags[namespace]} ]] || kubectl+=("--namespace=${flags[namespace]}")
if [[ $action == run || $action == manifest ]]; then
  need_job
  need image
  need_number grace-period max-restarts
  split_topology
fi
[[ $action == manifest ]] || need_program kubectl

case $action in
  run) apply ;;
  manifest) manifest ;;
  logs) logs ;;
  delete) run "${kubectl[@]}" delete jobset "${flags[name]}" ;;
esac
