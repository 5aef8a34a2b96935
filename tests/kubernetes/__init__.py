"""The manifests on a real API server of Kubernetes, without a node.

Asked for by ``tests/run.sh kubernetes`` alone: kubectl, Debian's ``etcd-server``, and Go, to build the server the first
time. See docs/kubernetes.md.
"""
